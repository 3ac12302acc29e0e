// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package node

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/hookstrap/hookstrap/test/e2e/cluster/internal/assets"
	"github.com/hookstrap/hookstrap/test/e2e/cluster/internal/poll"
	"github.com/hookstrap/hookstrap/test/e2e/cluster/internal/run"
)

// Component is one of the programs that make a node of a machine.
type Component = assets.Component

// The components which can be stopped and started one by one.
const (
	Containerd Component = "containerd"
	Kubelet              = assets.Kubelet
	Scheduler            = assets.Scheduler
	Proxy                = assets.Proxy
)

var errEnded = errors.New("it ended")

// StartComponent starts a component, unless it runs, and returns once it says that it is well.
func (n *Node) StartComponent(ctx context.Context, c Component) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.machine == nil {
		return fmt.Errorf("starting %s: the machine is off: call PowerOn first", c)
	}
	if n.running[c] != nil {
		return nil
	}
	out, err := n.logs.Writer(c)
	if err != nil {
		return err
	}
	s := run.Supervisor{Supervise: n.layout.Supervise, Dir: n.dir.Path, Join: n.machineFile()}
	p, err := run.Start(append(s.Command(c, n.binary(c)), n.flags(c)...), out)
	if err != nil {
		return err
	}
	n.running[c] = p
	if err := n.awaitHealth(ctx, c, p); err != nil {
		return n.logs.Failure(c, err)
	}
	return nil
}

// StopComponent ends a component in order. The pods go on without it.
func (n *Node) StopComponent(c Component) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	p := n.running[c]
	if p == nil {
		return nil
	}
	delete(n.running, c)
	if err := p.Stop(); err != nil {
		return fmt.Errorf("stopping %s: %w", c, err)
	}
	return nil
}

func (n *Node) binary(c Component) string {
	if c == Containerd {
		return string(c)
	}
	return n.layout.Path(c)
}

func (n *Node) flags(c Component) []string {
	switch c {
	case Containerd:
		return []string{"--config=" + n.path("conf", "containerd.toml")}
	case Kubelet:
		return []string{"--config=" + n.path("conf", "kubelet.yaml"), "--kubeconfig=" + n.kubeconfig(Kubelet),
			"--hostname-override=" + n.Name(), "--node-ip=" + n.Address()}
	case Scheduler:
		return []string{"--kubeconfig=" + n.kubeconfig(Scheduler), "--leader-elect=false",
			"--bind-address=" + n.Address()}
	default:
		return []string{"--config=" + n.path("conf", "proxy.yaml")}
	}
}

func (n *Node) awaitHealth(ctx context.Context, c Component, p *run.Process) error {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	ctx, end := context.WithCancelCause(ctx)
	defer end(nil)
	go endWith(ctx, end, p, errEnded)
	if c == Containerd {
		return poll.Until(ctx, func(ctx context.Context) error { return output(n.Command(ctx, "ctr", "version")) })
	}
	url := map[Component]string{
		Kubelet:   "http://" + n.Address() + ":10248/healthz",
		Scheduler: "https://" + n.Address() + ":10259/readyz",
		Proxy:     "http://" + n.Address() + ":10256/healthz",
	}[c]
	client := &http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{
		DisableKeepAlives: true,
		TLSClientConfig:   &tls.Config{InsecureSkipVerify: true}, //nolint:gosec // It has just made its certificate.
	}}
	return poll.Until(ctx, func(ctx context.Context) error { return get(ctx, client, url) })
}

func get(ctx context.Context, client *http.Client, url string) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return err
	}
	response, err := client.Do(request)
	if err != nil {
		return err
	}
	_ = response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("GET %s: %s", url, response.Status)
	}
	return nil
}
