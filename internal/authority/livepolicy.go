// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package authority

import (
	"crypto/x509"
	"sync/atomic"
	"time"

	certificatesv1 "k8s.io/api/certificates/v1"
)

// livePolicy is a policy that is replaced as a whole, while requests are judged by it.
type livePolicy struct{ atomic.Pointer[Policy] }

// Check is that of the policy as it is now.
func (l *livePolicy) Check(obj *certificatesv1.CertificateSigningRequest) (*x509.CertificateRequest, error) {
	return l.Load().Check(obj)
}

func (l *livePolicy) lifetime(spec *certificatesv1.CertificateSigningRequestSpec) time.Duration {
	return l.Load().lifetime(spec)
}

func (l *livePolicy) minDuration() time.Duration { return l.Load().minDuration() }

func (l *livePolicy) maxDuration() time.Duration { return l.Load().maxDuration() }

// SetPolicy replaces the policy: who we are has changed, for instance because the Service has another cluster IP. A
// request that is being judged during that time is judged by the one or by the other. A policy that [New] would not
// take signs nothing.
func (a *Authority) SetPolicy(policy Policy) { a.policy.Store(&policy) }
