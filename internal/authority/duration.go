// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package authority

import (
	"cmp"
	"time"

	certificatesv1 "k8s.io/api/certificates/v1"
)

func (p Policy) minDuration() time.Duration { return cmp.Or(p.MinDuration, DefaultMinDuration) }

func (p Policy) maxDuration() time.Duration { return cmp.Or(p.MaxDuration, DefaultMaxDuration) }

// checkDuration refuses what would expire before anybody could renew it.
func (p Policy) checkDuration(spec *certificatesv1.CertificateSigningRequestSpec) error {
	if asked, ok := requestedDuration(spec); ok && asked < p.minDuration() {
		return violation(ReasonDurationTooShort, "A lifetime of %s is asked for, and %s is the shortest: raise "+
			"spec.expirationSeconds to %d, or leave it out.", asked, p.minDuration(), int(p.minDuration().Seconds()))
	}
	return nil
}

// lifetime is how long the certificate of an accepted request is to last.
func (p Policy) lifetime(spec *certificatesv1.CertificateSigningRequestSpec) time.Duration {
	if asked, ok := requestedDuration(spec); ok {
		return min(asked, p.maxDuration())
	}
	return p.maxDuration()
}

// grants bounds a lifetime by what the record says of the CA's certificates: what is written there is what decides how
// long the CA stays trusted.
func (s *state) grants(lifetime time.Duration) time.Duration {
	if known := s.record.leaf(); known > 0 {
		return min(lifetime, known)
	}
	return lifetime
}

func requestedDuration(spec *certificatesv1.CertificateSigningRequestSpec) (time.Duration, bool) {
	if spec.ExpirationSeconds == nil {
		return 0, false
	}
	return time.Duration(*spec.ExpirationSeconds) * time.Second, true
}
