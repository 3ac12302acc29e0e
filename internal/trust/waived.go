// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package trust

import (
	"fmt"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// calls reports whether the API server calls our Service through obj and verifies our certificate.
func (s scope) calls(obj *unstructured.Unstructured) bool { return obj != nil && len(s.slots(obj)) > 0 }

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
