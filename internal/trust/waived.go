// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package trust

import (
	"context"
	"errors"
	"fmt"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/klog/v2"
)

// calls reports whether the API server calls our Service through obj and verifies our certificate.
func (s scope) calls(obj *unstructured.Unstructured) bool { return obj != nil && len(s.slots(obj)) > 0 }

// skipsVerification reports whether obj is an APIService of ours through which the API server calls us without
// verifying our certificate. It takes no caBundle then.
func (s scope) skipsVerification(obj *unstructured.Unstructured) bool {
	if obj == nil || s.target.Kind != APIService {
		return false
	}
	spec := mapField(obj.Object, "spec")
	return spec["insecureSkipTLSVerify"] == true && callsService(spec, s.service)
}

// waived is the entry of a target that nothing waits for, if its object is gone or does not have us verified. That an
// object has no entry of ours any more is for [missing] to say.
func (s scope) waived(known state) (e Entry, found bool) {
	e = Entry{Target: s.target, Waived: true}
	switch {
	case s.skipsVerification(known.live):
		e.Unverified = true
		e.Reason = fmt.Sprintf("%s has insecureSkipTLSVerify, so that the API server does not verify our certificate: take "+
			"the field out to have it verified", s.target.title())
	case known.called && known.live == nil:
		e.Reason = fmt.Sprintf("%s no longer exists, so that the API server does not call us through it: create it again, "+
			"or leave it out of our webhook configurations", s.target.title())
	default:
		return Entry{}, false
	}
	return e, true
}

// missingGrace is how long an object that does not exist is waited for, if the API server calls us through another one:
// an object may be created after us, and one that is never created must not keep new replicas from getting ready.
const missingGrace = 2 * time.Minute

// overdue is the entry of a target whose object has not existed for longer than missingGrace. The API server calls
// nothing through it. It counts again from the moment at which it is created.
func (v *view) overdue() (e Entry, found bool) {
	known := v.get()
	if known.called || known.missing.IsZero() || v.now().Sub(known.missing) < missingGrace {
		return Entry{}, false
	}
	return Entry{Target: v.target, Waived: true, Reason: fmt.Sprintf("%s does not exist, and has not for %s or longer, "+
		"so that the API server does not call us through it: create it, or leave it out of our webhook configurations",
		v.target.title(), missingGrace)}, true
}

// nextOverdue is how long it takes until another target may become overdue, 0 if there is none.
func nextOverdue(views []*view) time.Duration {
	var next time.Duration
	for _, v := range views {
		known := v.get()
		wait := missingGrace - v.now().Sub(known.missing)
		if !known.missing.IsZero() && wait > 0 && (next == 0 || wait < next) {
			next = wait
		}
	}
	return next
}

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
		changed := i.changes.next()
		waived := i.Waived()
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
