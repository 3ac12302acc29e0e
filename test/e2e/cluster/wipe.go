// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package cluster

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
)

// etcdData is the directory below Dir where etcd keeps what it stores.
const etcdData = "etcd"

// Wipe takes away all that the cluster has stored, as when etcd comes back with an empty disk: the control plane stops,
// etcd loses its data, and everything starts again at the same addresses, with the same CAs. Certificates of users stay
// valid; tokens of service accounts do not, because what they were made for is gone.
func (c *Cluster) Wipe(ctx context.Context) error {
	return c.replaceData(ctx, func(data string) error { return os.RemoveAll(data) })
}

// Backup stops the control plane, copies what etcd stores, and starts everything again. The function that it returns
// does the same and puts the copy back: the cluster is then as it was, with resource versions that begin again from
// there. Call it before the cluster stops, and once only.
func (c *Cluster) Backup(ctx context.Context) (restore func(context.Context) error, err error) {
	backup := filepath.Join(c.dir, "backup")
	err = c.replaceData(ctx, func(data string) error { return os.CopyFS(backup, os.DirFS(data)) })
	return func(ctx context.Context) error {
		return c.replaceData(ctx, func(data string) error {
			if err := os.RemoveAll(data); err != nil {
				return err
			}
			return os.Rename(backup, data)
		})
	}, err
}

// replaceData stops the control plane, lets replace do what it likes with etcd's directory, and starts it again.
func (c *Cluster) replaceData(ctx context.Context, replace func(data string) error) error {
	if err := c.Suspend(); err != nil {
		return err
	}
	if err := replace(filepath.Join(c.dir, etcdData)); err != nil {
		return fmt.Errorf("replacing etcd's data: %w", err)
	}
	return c.Resume(ctx)
}

// Suspend ends all components, whether or not they still run, and keeps what etcd has stored, for Resume.
func (c *Cluster) Suspend() error {
	if err := c.StopControllerManager(); err != nil {
		return err
	}
	if err := c.StopAPIServer(); err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.plane.Etcd.Stop(); err != nil {
		return fmt.Errorf("stopping etcd: %w", err)
	}
	return nil
}

// Resume starts what Suspend has ended, at the same addresses and with the same CAs: every rest.Config and kubeconfig
// of this cluster stays valid.
func (c *Cluster) Resume(ctx context.Context) error {
	if err := c.resumeEtcd(); err != nil {
		return err
	}
	if err := c.StartAPIServer(ctx); err != nil || c.opts.WithoutControllerManager {
		return err
	}
	return c.StartControllerManager(ctx)
}

func (c *Cluster) resumeEtcd() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.stopped {
		return errStopped
	}
	address := *c.plane.Etcd.URL
	return c.startEtcd(&address)
}
