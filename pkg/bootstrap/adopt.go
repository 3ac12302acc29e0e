// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package bootstrap

import (
	"bytes"
	"context"
	"fmt"
	"time"

	"k8s.io/klog/v2"

	"github.com/hookstrap/hookstrap/internal/identity"
	"github.com/hookstrap/hookstrap/internal/report"
	"github.com/hookstrap/hookstrap/internal/serving"
	"github.com/hookstrap/hookstrap/internal/timing"
	"github.com/hookstrap/hookstrap/internal/trust"
)

// candidate is a key pair that is not served yet, and the CA to publish for it.
type candidate struct {
	pair *serving.Pair
	// policy is what to publish for it, as it is by then; nil when the caBundle is somebody else's task.
	policy func() trust.Policy
}

// lastCall is how long before the old certificate's expiry an untrusted new one is served all the same: a certificate
// that may not be trusted yet is better than one that certainly no longer is.
const lastCall = time.Minute

// adopt takes a candidate to where it is served: verified against its own CA first (a CA that does not verify the leaf
// is never written), published, and served once the live caBundle verifies it. With no certificate served so far there
// is nothing to wait for.
func (b *Bootstrapper) adopt(ctx context.Context, next candidate) error {
	if next.policy != nil {
		at := timing.JudgedAt(next.pair.Leaf(), time.Now())
		if err := next.policy().Bundle.Verify(next.pair.Chain(), b.serverName(), at); err != nil {
			return err
		}
		b.publish(next.policy)
	}
	began, current := time.Now(), b.state.Pair()
	if next.pair.Equal(current) {
		return nil
	}
	if current != nil {
		if err := b.awaitTrust(ctx, current, next.pair); err != nil {
			return err
		}
	} else if b.once {
		if err := b.awaitFirstTrust(ctx, next.pair); err != nil {
			return err
		}
	}
	if err := b.deliver(ctx, next.pair); err != nil {
		return err
	}
	b.serve(ctx, next.pair, began)
	if next.policy != nil {
		b.publish(next.policy)
	}
	return nil
}

// publish hands the policy to the injector. While the certificate that is being served is signed by a CA that the
// policy leaves out, that CA stays, unless it is distrusted: old trust leaves last. Policies are read and handed over
// one at a time, lest an older one be published after a newer.
func (b *Bootstrapper) publish(read func() trust.Policy) {
	b.publishing.Lock()
	defer b.publishing.Unlock()
	policy := b.withServed(read())
	b.injector.Publish(policy)
	if b.publisher != nil {
		b.publisher.Publish(policy)
	}
}

// withServed adds to a policy that would take away the trust in what is being served the CAs that came along with it.
func (b *Bootstrapper) withServed(policy trust.Policy) trust.Policy {
	current, now := b.state.Pair(), time.Now()
	if !policy.Exact || current == nil || policy.Bundle.Verify(current.Chain(), b.serverName(), now) == nil {
		return policy
	}
	policy.Exact = false
	own := trust.NewBundle(current.CAs()...).Prune(now).WithoutFingerprints(policy.Distrusted)
	if own.Verify(current.Chain(), b.serverName(), now) == nil {
		policy.Bundle = policy.Bundle.Union(own)
	}
	return policy
}

// propagation is how long a changed caBundle is given to reach every API server of the control plane: each follows the
// configuration with a watch of its own, and we have seen only what one of them has.
const propagation = 2 * time.Second

// awaitTrust blocks until the live caBundle verifies next and has done so for long enough, until current is about to
// expire, or until ctx ends. It fails when next has become due for renewal itself meanwhile.
func (b *Bootstrapper) awaitTrust(ctx context.Context, current, next *serving.Pair) error {
	started := time.Now()
	if sameIssuer(current, next) && b.injector.Verify(next.Chain(), b.serverName(), started) == nil {
		return nil // The usual renewal: the same CA, trusted all along.
	}
	for {
		now := time.Now()
		nap := timing.NapUntil(current.Leaf().NotAfter.Add(-lastCall), now)
		if nap <= 0 {
			b.lastResort(ctx, current, next)
			return nil
		}
		if now.After(timing.RenewalTime(next.Leaf(), 1)) {
			return fmt.Errorf("the certificate %s has not come to be trusted before it was due for renewal itself: %w", next,
				b.injector.Verify(next.Chain(), b.serverName(), now))
		}
		err := b.becomesTrusted(ctx, nap, current, next)
		if err == nil {
			b.report.Phase(ctx, report.PhaseTrusted, time.Since(started), "certificate", next)
			return nil
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		b.report.Failed(report.PhaseTrusted, err)
		klog.FromContext(ctx).Info("The new certificate waits for the live caBundle; the old one keeps serving",
			"reason", err.Error())
	}
}

// sameIssuer tells whether both leaves were signed by the same key.
func sameIssuer(a, b *serving.Pair) bool {
	return len(a.Leaf().AuthorityKeyId) > 0 && bytes.Equal(a.Leaf().AuthorityKeyId, b.Leaf().AuthorityKeyId)
}

// becomesTrusted waits, at most for patience, until the live caBundle verifies next, and then until every API server
// may be expected to have seen that. It is not waited for them while the live caBundle no longer verifies current.
func (b *Bootstrapper) becomesTrusted(
	ctx context.Context, patience time.Duration, current, next *serving.Pair,
) error {
	patient, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	if err := b.injector.WaitVerified(patient, next.Chain(), b.serverName()); err != nil {
		return err
	}
	const step = 100 * time.Millisecond
	for seen := time.Duration(0); seen < propagation; seen += step {
		if b.injector.Verify(current.Chain(), b.serverName(), time.Now()) != nil {
			break
		}
		if err := timing.Sleep(ctx, step); err != nil {
			return err
		}
	}
	return b.injector.Verify(next.Chain(), b.serverName(), time.Now())
}

// lastResort says that next is going to be served although it is not trusted.
func (b *Bootstrapper) lastResort(ctx context.Context, current, next *serving.Pair) {
	reason := b.injector.Verify(next.Chain(), b.serverName(), time.Now())
	b.report.Untrusted(reason)
	klog.FromContext(ctx).Info("Serving a certificate that the live caBundle does not verify, because the old one "+
		"expires", "reason", reason, "old", current, "new", next)
}

// serve swaps the pair in. Connections that stand keep theirs; every new handshake gets this one. The first took as
// long as the start did, a later one since it was at hand.
func (b *Bootstrapper) serve(ctx context.Context, pair *serving.Pair, began time.Time, keysAndValues ...any) {
	first := b.state.Pair() == nil
	if first {
		began = b.started
	}
	b.state.Set(pair)
	leaf := pair.Leaf()
	b.report.Served(leaf, first)
	keysAndValues = append([]any{"certificate", pair, "notAfter", leaf.NotAfter}, keysAndValues...)
	b.report.Phase(ctx, report.PhaseServed, time.Since(began), keysAndValues...)
	if first {
		close(b.served)
	}
}

func (b *Bootstrapper) serverName() string {
	return identity.Identity{Service: b.options.Service, Namespace: b.options.Namespace}.ServerName()
}
