// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package cluster

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
)

// Wipe takes away all that the cluster has stored, as when etcd comes back with an empty disk: the control plane stops,
// etcd loses its data, and everything starts again at the same addresses, with the same CAs. Certificates of users stay
// valid; tokens of service accounts do not, because what they were made for is gone.
func (c *Cluster) Wipe(ctx context.Context) error {
	if err := c.StopControllerManager(); err != nil {
		return err
	}
	if err := c.StopAPIServer(); err != nil {
		return err
	}
	if err := c.emptyEtcd(); err != nil {
		return fmt.Errorf("emptying etcd: %w", err)
	}
	if err := c.StartAPIServer(ctx); err != nil || c.opts.WithoutControllerManager {
		return err
	}
	return c.StartControllerManager(ctx)
}

// emptyEtcd starts another etcd in the place of the one that runs.
func (c *Cluster) emptyEtcd() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.stopped {
		return errStopped
	}
	address := *c.plane.Etcd.URL
	if err := c.plane.Etcd.Stop(); err != nil {
		return err
	}
	if err := os.RemoveAll(filepath.Join(c.dir, etcdData)); err != nil {
		return err
	}
	return c.startEtcd(&address)
}

// etcdData is the directory below Dir where etcd keeps what it stores.
const etcdData = "etcd"
