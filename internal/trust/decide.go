// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package trust

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// Policy says what the live CA bundles have to be.
type Policy struct {
	// Bundle is what we know to be right. While it is empty nothing is written: an empty caBundle is an outage.
	Bundle Bundle

	// Exact makes Bundle all that is trusted; for a CA of our own, whose whole history is known.
	//
	// Otherwise the live certificates stay beside those of Bundle until they expire. Replicas which see different
	// CAs (an external signer rotates its own, and tells one before the other) then agree without a leader, and a
	// CA leaves only when nothing it signed can still be valid.
	//
	// What is live and not in Bundle still leaves late: a CA that has been in an exact policy before, and is known to
	// have been retired, after moments; one that is not known, which replicas may serve of which we have not heard,
	// after minutes. What is missing never takes anything away with it, in its own entry or before its time in another.
	Exact bool

	// Distrusted are fingerprints, as [Fingerprint] has them, of CAs that must leave whatever else holds: whether they
	// have expired, are in use, or were ever in a policy. They leave as fast as one that is known to have been retired.
	Distrusted []string

	// known are the CAs of earlier exact policies.
	known Bundle
	// published are the CAs of all policies so far.
	published Bundle
	// insisted are CAs that somebody else has put back after they were taken out; with injected, another controller is
	// asked to put in whatever was never in a policy. They stay.
	insisted Bundle
	injected bool
	// left are the entries that are no longer ours, with what is to be left in them.
	left []slot
	// early are CAs that have to leave and stay for now, where nothing is missing. owns is true while it is too early to
	// give up what we own beyond need.
	early Bundle
	owns  bool
	// whole is true for an object that is ours as a whole, with no other certificates to wait for.
	whole bool

	// pem is what an exact policy writes, and parsed what was parsed before; both only save time, and may be nil.
	pem    []byte
	parsed *parsedBundles
}

// Why a caBundle is written, as [Write.Reason] has it.
const (
	reasonEmpty      = "empty"      // there was none
	reasonGarbage    = "garbage"    // some of it is no certificate
	reasonDiffers    = "differs"    // certificates, but not the right ones, or not in the canonical form
	reasonSurplus    = "surplus"    // the right ones, and others which have to leave
	reasonDistrusted = "distrusted" // the right ones, and some that are distrusted
	reasonMoved      = "moved"      // the entry calls somebody else now, and still has our CAs
	reasonOwnership  = "ownership"  // the right ones, but owned in a way that binds the owner of the manifest
)

// decision is what has to be done about one live object.
type decision struct {
	patch   []operation                // the JSON patch to send; nil when the object is as it should be
	apply   *unstructured.Unstructured // server-side apply this instead, for an object that is ours as a whole
	entries []string                   // names of the webhooks which change, for a webhook configuration
	reason  string                     // why the first of them changes; "" when nothing has to be done
	urgent  bool                       // something is missing somewhere; otherwise there is only too much
	strange Bundle                     // what is taken out and was never in a policy of ours
}

// tidies reports whether every entry of ours has been right before the write, so that it repairs nothing.
func (d decision) tidies() bool { return d.reason == reasonMoved || d.reason == reasonOwnership }

// decide compares a live object, which has the slots, with the policy.
//
// The request names the UID and the resource version of the live object. So the API server refuses it when anybody
// wrote in between, and never creates an object which was deleted.
func (s scope) decide(live *unstructured.Unstructured, slots []slot, p Policy, now time.Time) (decision, error) {
	if p.Bundle.Empty() {
		return decision{}, nil
	}
	p.whole = s.target.Kind == trustBundle
	var d decision
	var changed []slot
	ours, byHost := p.wants(now), p.byHost().wants(now)
	for _, entry := range slots {
		wants := ours
		if entry.name != "" {
			wants = byHost
		}
		w := wants(entry.bundle)
		wanted, reason, surplus := w.bundle, w.reason, w.surplus
		if len(wanted) == 0 || bytes.Equal(wanted, entry.bundle) {
			continue
		}
		if len(wanted) > MaxBundleBytes {
			return decision{}, fmt.Errorf("the CA bundle would grow to %d bytes, more than %d: remove what is not needed",
				len(wanted), MaxBundleBytes)
		}
		entry.bundle = wanted
		changed = append(changed, entry)
		d.reason = cmp.Or(d.reason, reason)
		d.urgent = d.urgent || reason != reasonSurplus && reason != reasonDistrusted
		if !p.whole {
			d.strange = d.strange.Union(surplus.Without(p.known))
		}
	}
	for _, entry := range p.left {
		changed = append(changed, entry)
		d.reason = cmp.Or(d.reason, reasonMoved)
	}
	for _, entry := range changed {
		if entry.webhook != "" {
			d.entries = append(d.entries, entry.webhook)
		}
	}
	return s.request(d, live, changed, p.owns), nil
}

// request adds to d how the changed entries are written. What we own beyond need is a reason of its own unless it is to
// stay for now.
func (s scope) request(d decision, live *unstructured.Unstructured, changed []slot, owns bool) decision {
	if s.target.Kind == trustBundle {
		if len(changed) > 0 {
			d.apply = trustBundleObject(s.target, live, changed[0].bundle)
		}
		return d
	}
	disowned := s.disown(live)
	if len(disowned) > 0 && !owns {
		d.reason = cmp.Or(d.reason, reasonOwnership)
	}
	if d.reason != "" {
		d.patch = slices.Concat(unchanged(live), fill(s.target.Kind, changed), disowned)
	}
	return d
}

// want returns the bytes which have to be in place of the live ones, what is wrong with those if they differ, and what
// there is too much if only that is.
func want(live []byte, p Policy, now time.Time) (wanted []byte, reason string, surplus Bundle) {
	if len(p.pem) > 0 && bytes.Equal(live, p.pem) {
		return live, "", Bundle{}
	}
	have, err := p.parsed.parse(live)
	if err == nil && p.tolerates(have) {
		leaving := p.leaving(have).Without(p.early)
		if leaving.Empty() {
			return live, "", Bundle{}
		}
		return have.Without(leaving).PEM(), reasonSurplus, leaving
	}
	complete := have.Union(p.Bundle).Equal(have) && bytes.Equal(have.PEM(), live)
	bad := filter(have, p.distrusts)
	if complete {
		bad = bad.Without(p.early)
	}
	have = have.Without(bad)
	switch {
	case len(live) == 0:
		reason = reasonEmpty
	case err != nil:
		reason = reasonGarbage
	case complete && !bad.Empty():
		reason = reasonDistrusted
	case p.Exact && complete:
		surplus = p.leaving(have).Without(p.early)
		return have.Without(surplus).PEM(), reasonSurplus, surplus
	default:
		reason = reasonDiffers
	}
	switch {
	case p.Exact && p.whole:
		return p.Bundle.PEM(), reason, Bundle{}
	case p.Exact: // What the policy holds leaves when the policy says so, expired or not.
		return have.Prune(now).Union(p.Bundle).PEM(), reason, Bundle{}
	}
	return have.Union(p.Bundle).Prune(now).PEM(), reason, Bundle{}
}

// wanting is what [want] returns.
type wanting struct {
	bundle  []byte
	reason  string
	surplus Bundle
}

// wants is want for the entries of one object, most of which have the same caBundle.
func (p Policy) wants(now time.Time) func(live []byte) wanting {
	return repeated(func(live []byte) (w wanting) {
		w.bundle, w.reason, w.surplus = want(live, p, now)
		return w
	})
}

// byHost is the policy for entries that call us by another name of ours. They may also reach another server, at another
// port of that host: CAs that were never ours stay in them.
func (p Policy) byHost() Policy {
	p.injected = true
	return p
}

// tolerates reports whether a live bundle has all that it has to, and beside it what somebody else insists on. Its
// order does not matter then: who insists has an order of his own.
func (p Policy) tolerates(have Bundle) bool {
	if !have.Union(p.Bundle).Equal(have) || !have.WithoutFingerprints(p.Distrusted).Equal(have) {
		return false
	}
	unknown := have.Without(p.published)
	return !unknown.Empty() && (p.injected || !unknown.Intersect(p.insisted).Empty())
}

// leaving is what an exact policy takes out of a bundle that it tolerates.
func (p Policy) leaving(have Bundle) Bundle {
	extra := have.Without(p.Bundle)
	switch {
	case !p.Exact:
		return Bundle{}
	case p.injected:
		return extra.Intersect(p.published)
	}
	return extra.Without(p.insisted.Without(p.published))
}

// trustBundleObject is all of a ClusterTrustBundle, at the revision of the live one.
func trustBundleObject(t Target, live *unstructured.Unstructured, bundle []byte) *unstructured.Unstructured {
	spec := map[string]any{"signerName": t.signer(), "trustBundle": string(bundle)}
	obj := &unstructured.Unstructured{Object: map[string]any{"spec": spec}}
	obj.SetGroupVersionKind(t.Kind.gvk())
	obj.SetName(t.Name)
	obj.SetUID(live.GetUID())
	obj.SetResourceVersion(live.GetResourceVersion())
	return obj
}
