// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package trust

import (
	"context"
	"errors"
	"fmt"
	"time"

	"k8s.io/klog/v2"
)

// Callable returns nil while there is a target through which the API server can call us, and with no targets. The error
// says why each has stopped being one. What the caBundles are is for [Injector.Verify] to say.
func (i *Injector) Callable() error {
	entries := i.Snapshot()
	var reasons []error
	for _, e := range entries {
		if !e.Waived || e.Unverified {
			return nil
		}
		reasons = append(reasons, errors.New(e.Reason))
	}
	if len(reasons) == 0 {
		return nil
	}
	return fmt.Errorf("the API server has no object left through which it calls us: %w", errors.Join(reasons...))
}

// Waived returns why nothing waits for a target, for those targets that nothing waits for.
func (i *Injector) Waived() map[Target]string {
	waived := map[Target]string{}
	for _, e := range i.Snapshot() {
		if e.Waived {
			waived[e.Target] = e.Reason
		}
	}
	return waived
}

// tellWaived logs and reports which targets nothing waits for, whenever that changes, until ctx ends.
func (i *Injector) tellWaived(ctx context.Context) {
	logger, told := klog.FromContext(ctx), map[Target]string{}
	for ctx.Err() == nil {
		changed, began := i.changes.next(), time.Now()
		waived := i.Waived()
		spare(ctx, time.Since(began))
		for _, v := range i.views {
			reason := waived[v.target]
			if reason == told[v.target] {
				continue
			}
			told[v.target] = reason
			if reason != "" {
				logger.Info("Nothing waits for this object any more: the API server does not verify us through it",
					"target", v.target.String(), "reason", reason)
			} else {
				logger.Info("The API server calls us through this object again", "target", v.target.String())
			}
			if i.opts.Observer.Waived != nil {
				i.opts.Observer.Waived(v.target, reason)
			}
		}
		if pause(ctx, i.opts.Clock, changed, nextOverdue(i.views)) {
			i.changes.announce() // Waits for trust have one object less to wait for.
		}
	}
}
