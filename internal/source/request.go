// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package source

import (
	"context"
	"time"

	"github.com/hookstrap/hookstrap/internal/csr"
	"github.com/hookstrap/hookstrap/internal/timing"
)

// askAnew is how long a certificate that cannot be used is looked at again before another one is requested, if no one
// has to be asked for the approval: by then the signer may sign with a CA that is known.
const askAnew = 15 * time.Minute

// request takes the attempt to its certificate, or another one if that is of no use any more. The certificate is kept
// until the attempt is dropped, unless it is the built-in signer's: that one needs no approver, and its CA may have
// been replaced.
func (s *CSR) request(ctx context.Context) (*csr.Issued, error) {
	if s.RenewNow.Take() || s.outlived(time.Now()) { // This attempt is what was asked for.
		s.attempt = nil
	}
	if s.attempt == nil {
		s.attempt, s.begun = s.requester.Begin(s.spec), time.Now()
	}
	attempt := s.attempt
	issued, err := attempt.Finish(ctx)
	if !attempt.Resumable() || err == nil && s.own != nil {
		s.attempt = nil
	}
	return issued, err
}

// outlived tells whether the certificate has been waiting for too long.
func (s *CSR) outlived(now time.Time) bool {
	if s.attempt == nil || s.attempt.Leaf() == nil {
		return false
	}
	return now.After(timing.RenewalTime(s.attempt.Leaf(), 0)) ||
		s.Approval == csr.ApproveSelf && now.Sub(s.begun) > askAnew
}
