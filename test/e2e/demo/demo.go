// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"net"
	"os"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"

	"github.com/hookstrap/hookstrap/test/e2e/cluster"
	"github.com/hookstrap/hookstrap/test/e2e/process"
	"github.com/hookstrap/hookstrap/test/e2e/site"
	"github.com/hookstrap/hookstrap/test/ports"
)

// What the manifests call things.
const (
	namespace     = "hookstrap-system"
	name          = "hookstrap"
	configuration = "hookstrap"
	inForce       = "hookstrap-in-force"
)

// demo is the state of the story.
type demo struct {
	cluster    *cluster.Cluster
	server     *process.Server
	root       string
	address    string
	metrics    string
	health     string
	log        *os.File
	binary     string
	kubeconfig string
	started    time.Time
}

func start(ctx context.Context, binary, root string) (*demo, error) {
	d := &demo{root: root, binary: binary}
	say("Starting etcd and kube-apiserver on loopback")
	began := time.Now()
	var err error
	// Nothing here needs a controller: the server approves and signs for itself.
	if d.cluster, err = cluster.Start(ctx, cluster.Options{Name: "demo", WithoutControllerManager: true}); err != nil {
		return nil, err
	}
	detail("ready after %s", round(time.Since(began)))
	return d, nil
}

// install does what a user does. The server runs as a process where its Service leads to, not in a pod, for there is no
// node.
func (d *demo) install(ctx context.Context) error {
	say("kubectl apply -k manifests/overlays/deny")
	if err := d.kubectl(ctx, "apply", "-k", d.root+"/manifests/overlays/deny"); err != nil {
		return err
	}
	client, err := kubernetes.NewForConfig(d.cluster.Config())
	if err != nil {
		return err
	}
	if err := defaultServiceAccount(ctx, client); err != nil {
		return err
	}
	if d.address, err = site.Route(ctx, client, namespace, name, configuration); err != nil {
		return err
	}
	free, err := ports.Free(ctx, 2)
	if err != nil {
		return err
	}
	d.metrics, d.health = fmt.Sprintf("127.0.0.1:%d", free[0]), fmt.Sprintf("127.0.0.1:%d", free[1])
	say("The API server calls Service %s at %s: the server will listen there", name, d.address)
	return nil
}

// defaultServiceAccount makes what a controller makes in a cluster: no Pod is created without it.
func defaultServiceAccount(ctx context.Context, client kubernetes.Interface) error {
	account := &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Name: "default"}}
	_, err := client.CoreV1().ServiceAccounts(metav1.NamespaceDefault).Create(ctx, account, metav1.CreateOptions{})
	if err != nil {
		return fmt.Errorf("creating the ServiceAccount of the namespace default: %w", err)
	}
	return nil
}

// serve runs the server under its own ServiceAccount, with nothing but the rights the manifests give it.
func (d *demo) serve(ctx context.Context) error {
	cfg, err := d.cluster.ServiceAccountConfig(ctx, namespace, name)
	if err != nil {
		return err
	}
	if d.kubeconfig, err = d.cluster.WriteKubeconfig(cfg, "webhook"); err != nil {
		return err
	}
	ip, port, err := net.SplitHostPort(d.address)
	if err != nil {
		return err
	}
	if err := d.openFiles(); err != nil {
		return err
	}
	say("webhook serve, as system:serviceaccount:%s:%s", namespace, name)
	d.started = time.Now()
	// Ctrl-C is not the server's business: it is stopped in order, or with everything else in end.
	d.server, err = process.Start(context.WithoutCancel(ctx), process.Options{
		Binary: d.binary,
		Args: []string{
			"--kubeconfig=" + d.kubeconfig, "--webhook-configuration=" + configuration,
			"--cert-dir=" + d.cluster.Dir() + "/serving", "--bind-address=" + ip, "--secure-port=" + port,
			"--health-probe-bind-address=" + d.health, "--metrics-bind-address=" + d.metrics, "--shutdown-delay=1s",
			"--config=" + d.checks(), "--in-force-binding=" + inForce,
		},
		Log: d.log,
		Env: []string{
			"SERVICE_NAME=" + name, "POD_NAMESPACE=" + namespace, "POD_NAME=" + name + "-demo", "POD_IPS=10.244.0.7",
			"POD_SERVICE_ACCOUNT=" + name,
		},
	})
	if err != nil {
		return err
	}
	_, err = d.await(ctx, "ready", 1)
	return err
}

// timeline prints what the server logged: one line a phase, with its duration and when it was done.
func (d *demo) timeline(context.Context) error {
	fmt.Printf("\n    %-10s %12s %14s\n", "phase", "took", "since exec")
	for _, phase := range d.server.Phases("") {
		fmt.Printf("    %-10s %12s %14s\n", phase.Name, phase.Took, round(phase.At.Sub(d.started)))
		if phase.APIRequests > 0 {
			fmt.Printf("\n    exec to ready: %s with %d API requests\n", round(phase.At.Sub(d.started)), phase.APIRequests)
		}
	}
	return nil
}

// end stops what runs, in whatever state the story is.
func (d *demo) end() {
	if d.server != nil {
		d.server.Kill()
	}
	if d.log != nil {
		_ = d.log.Close() // The file is about to be removed.
	}
	if err := d.cluster.Stop(); err != nil {
		fmt.Fprintf(os.Stderr, "demo: stopping the control plane: %v\n", err)
	}
}

// await waits for a phase of the server, for as long as a person would.
func (d *demo) await(ctx context.Context, phase string, nth int) (process.Phase, error) {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	return d.server.AwaitPhase(ctx, phase, nth)
}

func say(format string, args ...any) {
	fmt.Printf("\n==> "+format+"\n", args...)
}

func detail(format string, args ...any) {
	for line := range strings.Lines(strings.TrimRight(fmt.Sprintf(format, args...), "\n")) {
		fmt.Printf("    %s", line)
	}
	fmt.Println()
}

func round(d time.Duration) time.Duration { return d.Round(100 * time.Microsecond) }
