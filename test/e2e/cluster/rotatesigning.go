// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package cluster

import (
	"context"
	"fmt"
	"os"
	"slices"
)

// RotateSigningCA gives the controller-manager another CA to sign with, and to publish in place of the old one, and
// returns once it is at work again. It does so as an administrator would who announces nothing: the files are replaced
// and the process is started again.
func (c *Cluster) RotateSigningCA(ctx context.Context) error {
	if err := c.StopControllerManager(); err != nil {
		return err
	}
	if err := c.replaceSigningCA(); err != nil {
		return err
	}
	return c.StartControllerManager(ctx)
}

func (c *Cluster) replaceSigningCA() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	next, err := newSigningCA(c.dir)
	if err != nil {
		return err
	}
	c.ca = next
	if err := os.WriteFile(c.managerRootCAs, slices.Concat(c.admin.CAData, c.ca.certPEM), 0o600); err != nil {
		return fmt.Errorf("writing the root CAs: %w", err)
	}
	return nil
}
