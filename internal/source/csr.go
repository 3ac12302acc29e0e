// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

// Package source is where certificates come from: [CSR] requests them and renews them, [Files] reads what something
// else writes. Both hand them to a rollover. What a certificate depends on, the Service and the CAs, is followed.
package source

import (
	"context"
	"time"

	"github.com/hookstrap/hookstrap/internal/authority"
	"github.com/hookstrap/hookstrap/internal/csr"
	"github.com/hookstrap/hookstrap/internal/report"
	"github.com/hookstrap/hookstrap/internal/retry"
	"github.com/hookstrap/hookstrap/internal/timing"
	"github.com/hookstrap/hookstrap/internal/trust"
)

// CSR obtains certificates through the CertificateSigningRequest API, and renews them.
type CSR struct {
	Options
	spec csr.Spec
	cas  *finder
	// own is the built-in signer, nil for every other one.
	own *authority.Authority
	// who is what spec asks a certificate for.
	who who
	// unread is what was last said of CAs that cannot be read, and again when they are read again.
	unread    timing.News
	again     timing.Backoff
	lookAgain *time.Timer // nil before the first failure

	requester *csr.Requester
	// attempt is the request with its key, nil if there is none: one that could not be approved is approved the next time,
	// and a certificate that no CA verifies, or that is not valid yet, is looked at again until it is due for renewal.
	attempt *csr.Attempt
	begun   time.Time
}

// OpenCSR serves what is stored, and then prepares what needs the API server: who we are behind the Service, and the
// signer.
func OpenCSR(ctx context.Context, o Options) (*CSR, error) {
	o.restore(ctx)
	found, err := retry.Do(ctx, o.retry(), report.PhaseIdentity, o.identify)
	if err != nil {
		return nil, err
	}
	s := &CSR{
		Options: o,
		who:     found,
		spec: csr.Spec{
			Identity: found.Identity, Profile: o.Profile, Algorithm: o.KeyAlgorithm, Duration: o.Duration,
		},
	}
	if o.Profile.BuiltIn() {
		if s.own, err = o.newAuthority(found); err != nil {
			return nil, err
		}
	}
	s.requester = o.newRequester(ctx, s.own)
	s.cas = newFinder(o, s.own)
	return s, nil
}

// policy is what to publish for a certificate that found verifies. What the built-in authority trusts may have changed
// by the time it is asked.
func (s *CSR) policy(found trust.Policy) trust.PolicySource {
	if s.own != nil {
		return s.own
	}
	return found
}
