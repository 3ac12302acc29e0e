// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package node

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"k8s.io/client-go/kubernetes"

	"github.com/hookstrap/hookstrap/test/e2e/cluster"
	"github.com/hookstrap/hookstrap/test/e2e/cluster/internal/assets"
	"github.com/hookstrap/hookstrap/test/e2e/cluster/internal/run"
)

const (
	// directoryPrefix is that of the node's and of its control plane's directory, and begins that of an image build's.
	directoryPrefix = "hookstrap-node-"
	// startTimeout bounds the start when the caller's context does not.
	startTimeout = 3 * time.Minute
)

// Node is a running cluster of one node. Its methods are safe for concurrent use.
type Node struct {
	*cluster.Cluster

	layout  assets.Layout
	opts    Options
	dir     *run.Dir
	logs    *run.Logs
	network network
	client  kubernetes.Interface

	mu      sync.Mutex // held while a component or the machine starts or stops
	machine *run.Process
	running map[Component]*run.Process
	stopped bool
}

// Start starts a node and returns once it is Ready: pods can be created. The context bounds the start, not the node's
// life. When a component fails, the error quotes the end of its log.
func Start(ctx context.Context, opts Options) (*Node, error) {
	layout, err := assets.Locate()
	if err != nil {
		return nil, err
	}
	if err := errors.Join(layout.Missing(assets.Components()), require(layout, os.Geteuid())); err != nil {
		return nil, err
	}
	if err := run.Sweep(directoryPrefix); err != nil {
		return nil, fmt.Errorf("removing what an earlier run has left: %w", err)
	}
	dir, err := run.MakeDir(directoryPrefix)
	if err != nil {
		return nil, fmt.Errorf("making the node's directory: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	n := &Node{layout: layout, opts: opts, dir: dir, logs: run.NewLogs(dir.Path, opts.Output),
		running: map[Component]*run.Process{}}
	if err := n.start(ctx); err != nil {
		_ = n.halt() // The reason why it did not start matters more.
		n.dir.KeepLogs()
		return nil, err
	}
	return n, nil
}

func (n *Node) start(ctx context.Context) error {
	if err := n.buildPause(ctx); err != nil {
		return err
	}
	if err := n.boot(ctx); err != nil {
		return err
	}
	var err error
	n.Cluster, err = cluster.Start(ctx, cluster.Options{
		Name:                  "node-control-plane",
		Output:                n.opts.Output,
		APIServerArgs:         n.opts.APIServerArgs,
		ControllerManagerArgs: n.opts.ControllerManagerArgs,
		Place:                 cluster.Place{Address: n.Address(), Join: n.machineFile()},
	})
	if err != nil {
		return err
	}
	if n.client, err = kubernetes.NewForConfig(n.Config()); err != nil {
		return fmt.Errorf("making a client: %w", err)
	}
	if err := n.writeConfigurations(); err != nil {
		return err
	}
	if err := n.StartComponent(ctx, Containerd); err != nil {
		return err
	}
	if err := n.importPause(ctx); err != nil {
		return err
	}
	return n.startRest(ctx)
}

// startRest starts what needs containerd. kube-proxy needs the Node object, which the kubelet makes.
func (n *Node) startRest(ctx context.Context) error {
	for _, c := range []Component{Scheduler, Kubelet} {
		if err := n.StartComponent(ctx, c); err != nil {
			return err
		}
	}
	if err := n.awaitReady(ctx); err != nil {
		return err
	}
	return n.StartComponent(ctx, Proxy)
}

// Stop ends everything and removes all that the node has made. Further calls do nothing.
func (n *Node) Stop() error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.stopped {
		return nil
	}
	n.stopped = true
	if err := errors.Join(n.halt(), n.dir.Remove()); err != nil {
		return fmt.Errorf("stopping the node in %s: %w", n.dir.Path, err)
	}
	return nil
}

// halt needs n.mu, or to be alone.
func (n *Node) halt() error {
	err := n.cutPower()
	if n.Cluster != nil {
		err = errors.Join(err, n.Cluster.Stop())
	}
	return errors.Join(err, n.logs.Close())
}

// Name is the name of the Node object.
func (n *Node) Name() string { return filepath.Base(n.dir.Path) }

// NodeDir is the directory with all that is the node's: logs and disks. Dir is the control plane's.
func (n *Node) NodeDir() string { return n.dir.Path }

func (n *Node) path(elements ...string) string {
	return filepath.Join(append([]string{n.dir.Path}, elements...)...)
}

func (n *Node) mkdir(name string) error {
	if err := os.MkdirAll(n.path(name), 0o700); err != nil {
		return fmt.Errorf("making the node's directory: %w", err)
	}
	return nil
}
