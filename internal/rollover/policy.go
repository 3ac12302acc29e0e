// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package rollover

import (
	"sync"
	"time"

	"github.com/hookstrap/hookstrap/internal/trust"
)

// policies has whose policy is published now.
type policies struct {
	mu     sync.Mutex
	source trust.PolicySource
}

// Publish has the caBundles follow source from now on, and looks at it again.
func (r *Rollover) Publish(source trust.PolicySource) {
	r.source.mu.Lock()
	r.source.source = source
	r.source.mu.Unlock()
	r.options.Trust.Publish(r)
	if r.options.Publisher != nil {
		r.options.Publisher.Publish(r)
	}
}

// TrustPolicy implements [trust.PolicySource]. While the certificate that is being served is signed by a CA that the
// policy leaves out, that CA stays, unless it is distrusted: old trust leaves last.
func (r *Rollover) TrustPolicy() trust.Policy {
	r.source.mu.Lock()
	source := r.source.source
	r.source.mu.Unlock()
	if source == nil {
		return trust.Policy{}
	}
	policy := source.TrustPolicy()
	current, now := r.options.State.Pair(), time.Now()
	if !policy.Exact || current == nil || policy.Bundle.Verify(current.Chain(), r.options.ServerName, now) == nil {
		return policy
	}
	policy.Exact = false
	own := trust.NewBundle(current.CAs()...).Prune(now).WithoutFingerprints(policy.Distrusted)
	if own.Verify(current.Chain(), r.options.ServerName, now) == nil {
		policy.Bundle = policy.Bundle.Union(own)
	}
	return policy
}
