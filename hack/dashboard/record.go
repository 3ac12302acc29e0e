// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"github.com/hookstrap/hookstrap/test/e2e/cluster"
	"github.com/hookstrap/hookstrap/test/e2e/process"
	"github.com/hookstrap/hookstrap/test/e2e/site"
	"github.com/hookstrap/hookstrap/test/ports"
)

// What the manifests call things, and the file that says when the servers ran.
const (
	namespace  = "hookstrap-system"
	name       = "hookstrap"
	replicas   = 2
	exempt     = "monitoring" // a namespace which one of the checks leaves alone
	windowFile = "window.json"
)

// window is the time to draw, in milliseconds since the epoch, and how often Prometheus scraped in it.
type window struct {
	From   int64 `json:"from"`
	To     int64 `json:"to"`
	Scrape int64 `json:"scrape"`
}

// stage is the control plane with two servers.
type stage struct {
	cluster *cluster.Cluster
	admin   kubernetes.Interface
	servers []*process.Server
	targets []target
	config  string
}

// record runs everything for that long, and leaves behind in dir what Prometheus has seen.
func record(ctx context.Context, dir string, length time.Duration) error {
	say("Starting a control plane and %d servers", replicas)
	c, err := cluster.Start(ctx, cluster.Options{Name: "dashboard"})
	if err != nil {
		return err
	}
	s := &stage{cluster: c, config: filepath.Join(c.Dir(), "checks", "checks.yaml")}
	defer s.end()
	if err := s.install(ctx); err != nil {
		return err
	}
	p, err := startPrometheus(ctx, dir, s.targets...)
	if err != nil {
		return err
	}
	defer p.stop()
	say("Admissions and incidents for %s", length)
	from := time.Now().Add(scrapeInterval)
	load, stop := context.WithTimeout(ctx, length)
	defer stop()
	s.startLoad(load)
	if err := s.incidents(load, length); err != nil {
		return err
	}
	<-load.Done()
	if ctx.Err() != nil {
		return ctx.Err()
	}
	seen, err := json.Marshal(window{
		From: from.UnixMilli(), To: time.Now().UnixMilli(), Scrape: scrapeInterval.Milliseconds()})
	if err != nil {
		return fmt.Errorf("writing down when the servers ran: %w", err)
	}
	return os.WriteFile(filepath.Join(dir, windowFile), seen, 0o600)
}

// install does what a user does. The servers run here, behind a balancer where the Service leads to.
func (s *stage) install(ctx context.Context) (err error) {
	cfg := s.cluster.Config()
	cfg.WarningHandler = rest.NoWarnings{} // There are to be many, and the panels show them.
	if s.admin, err = kubernetes.NewForConfig(cfg); err != nil {
		return fmt.Errorf("making a client: %w", err)
	}
	if err := s.kubectl(ctx, "apply", "-k", filepath.Join(site.Root(), "manifests")); err != nil {
		return err
	}
	if err := s.kubectl(ctx, "create", "namespace", exempt); err != nil {
		return err
	}
	address, err := site.Route(ctx, s.admin, namespace, name, name)
	if err != nil {
		return err
	}
	free, err := ports.Free(ctx, 2*replicas)
	if err != nil {
		return err
	}
	backends, err := s.serve(ctx, free)
	if err != nil {
		return err
	}
	return site.Balance(ctx, address, backends)
}

// serve starts the servers, with nothing but the rights that the manifests give them, and returns where they listen.
func (s *stage) serve(ctx context.Context, free []int) ([]string, error) {
	binary, err := process.Build(ctx, site.Root(), s.cluster.Dir())
	if err != nil {
		return nil, err
	}
	cfg, err := s.cluster.ServiceAccountConfig(ctx, namespace, name)
	if err != nil {
		return nil, err
	}
	kubeconfig, err := s.cluster.WriteKubeconfig(cfg, "webhook")
	if err != nil {
		return nil, err
	}
	if err := s.configure("warn"); err != nil {
		return nil, err
	}
	var backends []string
	for i := range replicas {
		pod := []string{"hookstrap-7c9f4d8b6-2xk7q", "hookstrap-7c9f4d8b6-h5vzm"}[i]
		metrics := fmt.Sprintf("127.0.0.1:%d", free[2*i+1])
		server, err := process.Start(context.WithoutCancel(ctx), process.Options{
			Binary: binary,
			Args: []string{
				"--kubeconfig=" + kubeconfig, "--webhook-configuration=" + name, "--config=" + s.config,
				"--bind-address=127.0.0.1", fmt.Sprintf("--secure-port=%d", free[2*i]),
				"--health-probe-bind-address=0", "--metrics-bind-address=" + metrics, "--shutdown-delay=1s",
			},
			Env: []string{
				"SERVICE_NAME=" + name, "POD_NAMESPACE=" + namespace, "POD_NAME=" + pod,
				fmt.Sprintf("POD_IPS=10.244.0.%d", 7+i), "POD_SERVICE_ACCOUNT=" + name,
			},
		})
		if err != nil {
			return nil, err
		}
		s.servers = append(s.servers, server)
		s.targets = append(s.targets, target{address: metrics, pod: pod})
		backends = append(backends, fmt.Sprintf("127.0.0.1:%d", free[2*i]))
		starting, cancel := context.WithTimeout(ctx, time.Minute)
		_, err = server.AwaitPhase(starting, "ready", 1)
		cancel()
		if err != nil {
			return nil, err
		}
	}
	return backends, nil
}

// end stops what runs, in whatever state that is.
func (s *stage) end() {
	for _, server := range s.servers {
		server.Kill()
	}
	if err := s.cluster.Stop(); err != nil {
		fmt.Fprintf(os.Stderr, "dashboard: stopping the control plane: %v\n", err)
	}
}

func (s *stage) kubectl(ctx context.Context, args ...string) error {
	if out, err := s.cluster.Kubectl(ctx, args...).CombinedOutput(); err != nil {
		return fmt.Errorf("kubectl %s: %w: %s", strings.Join(args, " "), err, out)
	}
	return nil
}
