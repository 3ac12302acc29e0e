// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package cluster

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/envtest"

	"github.com/hookstrap/hookstrap/test/e2e/cluster/internal/assets"
	"github.com/hookstrap/hookstrap/test/e2e/cluster/internal/run"
)

// startTimeout bounds every wait for a component when the caller's context does not. Ready takes a few seconds on an
// idle machine; a busy one gets its time.
const startTimeout = 2 * time.Minute

// Cluster is a running control plane. Its methods are safe for concurrent use.
type Cluster struct {
	opts   Options
	layout assets.Layout
	dir    string
	claim  *run.Dir
	logs   *run.Logs
	plane  envtest.ControlPlane
	ca     *signingCA

	admin          *rest.Config
	kubeconfig     string
	managerConfig  string // the controller-manager's kubeconfig
	managerRootCAs string

	users   sync.Mutex   // held while a user is added: envtest's CA counts its serial numbers without a lock
	mu      sync.Mutex   // held while a component starts or stops
	manager *run.Process // nil while the controller-manager is stopped
	stopped bool
}

// Start starts a control plane and returns once it is ready: /readyz is ok and, unless there is no controller-manager,
// the default namespace has its service account and its kube-root-ca.crt. The context bounds the start, not the
// cluster's life. When a component fails, the error quotes the end of its log.
func Start(ctx context.Context, opts Options) (*Cluster, error) {
	layout, err := assets.LocateIn(opts.ComponentsDir)
	if err != nil {
		return nil, err
	}
	if err := layout.Missing(opts.components()); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()

	c, err := attempt(ctx, layout, opts)
	if failed := run.PortTaken(err); failed != nil {
		// Between choosing a free port and listening on it somebody else took it. Twice in a row is no accident.
		_ = os.RemoveAll(filepath.Dir(failed.Log))
		c, err = attempt(ctx, layout, opts)
	}
	return c, err
}

func attempt(ctx context.Context, layout assets.Layout, opts Options) (*Cluster, error) {
	dir, err := run.MakeDir(opts.directoryPattern())
	if err != nil {
		return nil, fmt.Errorf("making the cluster's directory: %w", err)
	}
	c := &Cluster{opts: opts, layout: layout, dir: dir.Path, claim: dir, logs: run.NewLogs(dir.Path, opts.Output)}
	if err := c.start(ctx); err != nil {
		_ = c.halt() // The reason why it did not start matters more.
		c.claim.KeepLogs()
		return nil, err
	}
	return c, nil
}

func (c *Cluster) start(ctx context.Context) error {
	var err error
	if c.ca, err = newSigningCA(c.dir); err != nil {
		return err
	}
	if err := c.startEtcd(nil); err != nil {
		return err
	}
	if err := c.StartAPIServer(ctx); err != nil {
		return err
	}
	if err := c.grantAccess(); err != nil {
		return err
	}
	if c.opts.WithoutControllerManager {
		return nil
	}
	return c.StartControllerManager(ctx)
}

// Stop ends all components and removes Dir. Further calls do nothing.
func (c *Cluster) Stop() error {
	if err := c.halt(); err != nil {
		return err
	}
	if err := c.claim.Remove(); err != nil {
		return fmt.Errorf("removing the cluster's directory: %w", err)
	}
	return nil
}

// halt ends all components, the ones that depend on others first.
func (c *Cluster) halt() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.stopped {
		return nil
	}
	c.stopped = true
	err := errors.Join(c.stopControllerManager(), c.plane.Stop(), c.logs.Close())
	if err != nil {
		return fmt.Errorf("stopping the control plane in %s: %w", c.dir, err)
	}
	return nil
}

// Dir returns the directory with everything that belongs to this cluster: logs, process ids and kubeconfigs.
func (c *Cluster) Dir() string { return c.dir }
