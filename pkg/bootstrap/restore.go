// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package bootstrap

import (
	"context"
	"errors"
	"io/fs"
	"strings"
	"time"

	"k8s.io/klog/v2"

	"github.com/hookstrap/hookstrap/pkg/bootstrap/identity"
	"github.com/hookstrap/hookstrap/pkg/bootstrap/serving"
)

// restore serves the pair that an earlier process left in the directory, at once and before the API server is asked
// anything: a container that restarts must not need it.
func (b *Bootstrapper) restore(ctx context.Context) error {
	if b.directory == nil {
		return nil
	}
	id, err := identity.New(b.options.identityInputs(nil))
	if err != nil {
		return err
	}
	pair, err := b.directory.Load()
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	var reason string
	if err == nil {
		reason = unusable(pair, id, time.Now())
	} else {
		reason = err.Error()
	}
	if reason != "" {
		klog.FromContext(ctx).Info("Ignoring the stored certificate", "directory", b.directory.Path(), "reason", reason)
		return nil
	}
	b.serve(ctx, pair, "from", b.directory.Path())
	return nil
}

// store keeps the pair for the next process. Failing costs a request at the next start, no more.
func (b *Bootstrapper) store(ctx context.Context, pair *serving.Pair) {
	if b.directory == nil {
		return
	}
	if err := b.directory.Save(pair); err != nil {
		b.metrics.failure(taskStore, err)
		klog.FromContext(ctx).Error(err, "The key pair is served but not stored", "directory", b.directory.Path())
	}
}

// unusable says why a stored certificate is not worth serving, or "".
func unusable(pair *serving.Pair, id identity.Identity, now time.Time) string {
	leaf := pair.Leaf()
	missing := id.Missing(leaf)
	switch {
	case len(missing) > 0:
		return "it lacks the SANs " + strings.Join(missing, ", ")
	case now.Before(leaf.NotBefore):
		return "it is not valid before " + leaf.NotBefore.Format(time.RFC3339)
	case now.After(renewalTime(leaf, 1)):
		return "it is due for renewal, it expires at " + leaf.NotAfter.Format(time.RFC3339)
	default:
		return ""
	}
}
