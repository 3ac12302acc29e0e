// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package trust

import (
	"bytes"
	"cmp"
	"fmt"
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
	// after minutes. What is missing never takes anything away with it.
	Exact bool

	// Distrusted are fingerprints, as [Fingerprint] has them, of CAs that must leave whatever else holds: whether they
	// have expired, are in use, or were ever in a policy. They leave as fast as one that is known to have been retired.
	Distrusted []string

	// known are the CAs of earlier exact policies.
	known Bundle
	// whole is true for an object that is ours as a whole, with nobody's certificates to wait for.
	whole bool
}

// Why a caBundle is written, as [Write.Reason] has it.
const (
	reasonEmpty      = "empty"      // there was none
	reasonGarbage    = "garbage"    // some of it is no certificate
	reasonDiffers    = "differs"    // certificates, but not the right ones, or not in the canonical form
	reasonSurplus    = "surplus"    // the right ones, and others which have to leave
	reasonDistrusted = "distrusted" // the right ones, and some that are distrusted
)

// decision is what has to be done about one live object.
type decision struct {
	apply   *unstructured.Unstructured // server-side apply this; nil when the object is as it should be
	entries []string                   // names of the webhooks which change, for a webhook configuration
	reason  string                     // why the first of them changes
	urgent  bool                       // something is missing somewhere; otherwise there is only too much
	unknown bool                       // some of what is too much was never in a policy of ours, and nothing is distrusted
}

// decide compares a live object with the policy.
//
// The applied object has the UID and the resource version of the live one. So the API server refuses it (409) when
// anybody wrote in between, and never creates an object which was deleted. It has the right entries too: with
// server-side apply, what a manager leaves out it gives up, and what nobody owns is removed. For the same reason it
// repeats what our field manager holds in entries of others: leaving those out would empty them.
//
// An object which does not exist, and is ours to create, is an empty live one.
func (s scope) decide(live *unstructured.Unstructured, p Policy, now time.Time) (decision, error) {
	if p.Bundle.Empty() {
		return decision{}, nil
	}
	ours := s.slots(live)
	p.whole = s.target.Kind == trustBundle
	var d decision
	distrusted := false
	for i, entry := range ours {
		wanted, reason, surplus := want(entry.bundle, p, now)
		if len(wanted) == 0 || bytes.Equal(wanted, entry.bundle) {
			continue
		}
		if len(wanted) > MaxBundleBytes {
			return decision{}, fmt.Errorf("the CA bundle would grow to %d bytes, more than %d: remove what is not needed",
				len(wanted), MaxBundleBytes)
		}
		ours[i].bundle = wanted
		d.reason = cmp.Or(d.reason, reason)
		d.urgent = d.urgent || reason != reasonSurplus && reason != reasonDistrusted
		d.unknown = d.unknown || !p.whole && !surplus.Without(p.known).Empty()
		distrusted = distrusted || reason == reasonDistrusted
		if entry.webhook != "" {
			d.entries = append(d.entries, entry.webhook)
		}
	}
	d.unknown = d.unknown && !distrusted
	if d.reason != "" {
		d.apply = applyObject(s.target, live, append(ours, s.held(live)...))
	}
	return d, nil
}

// want returns the bytes which have to be in place of the live ones, what is wrong with those if they differ, and what
// there is too much if only that is.
func want(live []byte, p Policy, now time.Time) (wanted []byte, reason string, surplus Bundle) {
	have, err := ParseBundle(live)
	complete := have.Union(p.Bundle).Equal(have) && bytes.Equal(have.PEM(), live)
	distrusted := have.Len()
	have = have.WithoutFingerprints(p.Distrusted)
	distrusted -= have.Len()
	switch {
	case len(live) == 0:
		reason = reasonEmpty
	case err != nil:
		reason = reasonGarbage
	case complete && distrusted > 0:
		reason = reasonDistrusted
	case p.Exact && complete:
		return p.Bundle.PEM(), reasonSurplus, have.Without(p.Bundle)
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

func applyObject(t Target, live *unstructured.Unstructured, filled []slot) *unstructured.Unstructured {
	obj := &unstructured.Unstructured{Object: applied(t, filled)}
	obj.SetGroupVersionKind(t.Kind.gvk())
	obj.SetName(t.Name)
	obj.SetUID(live.GetUID())
	obj.SetResourceVersion(live.GetResourceVersion())
	return obj
}
