// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package trust

import (
	"cmp"
	"crypto/x509"
	"errors"
	"fmt"
	"time"

	"github.com/hookstrap/hookstrap/internal/fault"
)

// Entry is one place for a CA bundle as the API server has it.
type Entry struct {
	Target   Target
	Webhook  string // the webhook's name in a webhook configuration; "" for a CRD and an APIService
	CABundle []byte // the live bytes, whatever they are
	Found    bool   // false when the target has no entry of ours; Reason says why
	Name     string // what the API server verifies the certificate for; "" for the name of our Service
	Reason   string // what is wrong and what to do about it; "" when nothing is known to be

	// Waived is true when nothing waits for the target, and Reason says why: it had an entry of ours and has none now,
	// so that the API server does not call us through it; its object has not existed for two minutes while another target
	// has an entry of ours; or the API server calls us through it without verifying. Otherwise a target that has had no
	// entry of ours since the start is waited for.
	Waived bool
	// Unverified is true when it is waived because the API server calls us through it without verifying.
	Unverified bool
}

func (e Entry) verify(chain []*x509.Certificate, serverName string, now time.Time) error {
	if e.Waived {
		return nil
	}
	if !e.Found {
		return errors.New(e.Reason)
	}
	// Like the API server, take what can be read and pass over the rest. The rest gets repaired anyway.
	err := VerifyLive(e.CABundle, chain, cmp.Or(e.Name, serverName), now)
	if err == nil {
		return nil
	}
	if bundle, _ := ParseBundle(e.CABundle); len(e.CABundle) == 0 {
		err = &fault.Error{ID: fault.BundleMissing, Err: err}
	} else if bundle.Empty() {
		err = &fault.Error{ID: fault.BundleUnusable, Err: err}
	}
	if e.Reason != "" {
		return fmt.Errorf("%s: %w; %s", e.where(), err, e.Reason)
	}
	return fmt.Errorf("%s: %w", e.where(), err)
}

// where names the entry in sentences.
func (e Entry) where() string {
	if e.Webhook == "" {
		return e.Target.title()
	}
	return fmt.Sprintf("%s webhook %q", e.Target.title(), e.Webhook)
}
