// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package source

import (
	"context"
	"errors"
	"io/fs"
	"strings"
	"time"

	"k8s.io/klog/v2"

	"github.com/hookstrap/hookstrap/internal/csr"
	"github.com/hookstrap/hookstrap/internal/serving"
	"github.com/hookstrap/hookstrap/internal/timing"
)

// restore serves the pair that an earlier process left in the directory, at once and before the API server is asked
// anything: a container that restarts must not need it. Whether it is still what would be asked for today is for keep
// to see: it may be another signer's, or lack a SAN, and is better than nothing all the same.
func (o Options) restore(ctx context.Context) {
	if o.Directory == nil {
		return
	}
	pair, err := o.Directory.Load()
	if errors.Is(err, fs.ErrNotExist) {
		return
	}
	var reason string
	if err == nil {
		reason = unusable(pair, o.Inputs.ServerName(), time.Now())
	} else {
		reason = err.Error()
	}
	if reason != "" {
		klog.FromContext(ctx).Info("Ignoring the stored certificate", "directory", o.Directory.Path(), "reason", reason)
		return
	}
	o.Rollover.Restore(ctx, pair, "from", o.Directory.Path())
}

// unusable says why a stored certificate cannot be served, or "".
func unusable(pair *serving.Pair, serverName string, now time.Time) string {
	leaf := pair.Leaf()
	if err := leaf.VerifyHostname(serverName); err != nil {
		return "it is not for " + serverName + ": " + err.Error()
	}
	switch {
	case now.Before(leaf.NotBefore):
		return "it is not valid before " + leaf.NotBefore.Format(time.RFC3339)
	case now.After(leaf.NotAfter):
		return "it expired at " + leaf.NotAfter.Format(time.RFC3339)
	default:
		return ""
	}
}

// outdated says why a stored certificate, which origin issued, has to be replaced by one of spec, or "".
func outdated(pair *serving.Pair, origin string, spec csr.Spec, now time.Time) string {
	leaf := pair.Leaf()
	missing := spec.Identity.Missing(leaf)
	switch {
	case len(missing) > 0:
		return "it lacks the SANs " + strings.Join(missing, ", ")
	case origin != "" && origin != spec.Profile.Name():
		return "it was issued by the signer " + origin
	case now.After(timing.RenewalTime(leaf, 1)):
		return "it is due for renewal, it expires at " + leaf.NotAfter.Format(time.RFC3339)
	default:
		return ""
	}
}
