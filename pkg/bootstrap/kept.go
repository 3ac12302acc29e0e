// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package bootstrap

import (
	"context"
	"time"

	"github.com/hookstrap/hookstrap/internal/csr"
	"github.com/hookstrap/hookstrap/internal/timing"
)

// askAnew is how long a certificate that cannot be used is looked at again before another one is requested, if nobody
// has to be asked for the approval: by then the signer may sign with a CA that is known.
const askAnew = 15 * time.Minute

// kept is a request with its key, across attempts: one that could not be approved is approved at the next attempt,
// and a certificate that no CA verifies, or that is not valid yet, is looked at again until it is due for renewal.
// The zero value has none. It belongs to one goroutine.
type kept struct {
	attempt *csr.Attempt
	begun   time.Time
}

// finish takes the kept request to its certificate, or another one if that is of no use any more. The certificate is
// kept until drop, unless it is the built-in signer's: that one needs nobody, and its CA may have been replaced.
func (k *kept) finish(ctx context.Context, s *csrSource) (*csr.Issued, error) {
	select {
	case <-s.renewNow: // This attempt is what was asked for.
		k.drop()
	default:
	}
	if k.outlived(s.options.Approval, time.Now()) {
		k.drop()
	}
	if k.attempt == nil {
		k.attempt, k.begun = s.requester.Begin(s.spec), time.Now()
	}
	issued, err := k.attempt.Finish(ctx)
	if !k.attempt.Resumable() || err == nil && s.authority != nil {
		k.drop()
	}
	return issued, err
}

func (k *kept) drop() { *k = kept{} }

// outlived tells whether the certificate has been waiting for too long.
func (k *kept) outlived(approval csr.Approval, now time.Time) bool {
	if k.attempt == nil || k.attempt.Leaf() == nil {
		return false
	}
	return now.After(timing.RenewalTime(k.attempt.Leaf(), 0)) || approval == csr.ApproveSelf && now.Sub(k.begun) > askAnew
}
