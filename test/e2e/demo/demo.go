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
)

// demo is the state of the story.
type demo struct {
	cluster    *cluster.Cluster
	server     *process.Server
	root       string
	address    string
	metrics    string
	binary     string
	kubeconfig string
	started    time.Time
}

func start(ctx context.Context) (*demo, error) {
	d := &demo{root: site.Root()}
	say("Starting etcd, kube-apiserver and kube-controller-manager on loopback")
	began := time.Now()
	var err error
	if d.cluster, err = cluster.Start(ctx, cluster.Options{Name: "demo"}); err != nil {
		return nil, err
	}
	detail("ready after %s", round(time.Since(began)))
	if d.binary, err = process.Build(ctx, d.root, d.cluster.Dir()); err != nil {
		d.end()
		return nil, err
	}
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
	if d.address, err = site.Route(ctx, client, namespace, name, configuration); err != nil {
		return err
	}
	free, err := ports.Free(ctx, 1)
	if err != nil {
		return err
	}
	d.metrics = fmt.Sprintf("127.0.0.1:%d", free[0])
	say("The API server calls Service %s at %s: the server will listen there", name, d.address)
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
	say("webhook serve, as system:serviceaccount:%s:%s", namespace, name)
	d.started = time.Now()
	// Ctrl-C is not the server's business: it is stopped in order, or with everything else in end.
	d.server, err = process.Start(context.WithoutCancel(ctx), process.Options{
		Binary: d.binary,
		Args: []string{
			"--kubeconfig=" + d.kubeconfig, "--webhook-configuration=" + configuration,
			"--cert-dir=" + d.cluster.Dir() + "/serving", "--config=" + d.root + "/manifests/components/deny/checks.yaml",
			"--bind-address=" + ip, "--secure-port=" + port,
			"--health-probe-bind-address=0", "--metrics-bind-address=" + d.metrics, "--shutdown-delay=1s",
		},
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
