// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package trust

import (
	"bytes"
	"cmp"
	"maps"
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// injection is the annotation of an object that has another controller put its CA into the caBundle: cert-manager's
// cainjector, or OpenShift's service-ca operator. It is "" if there is none.
func injection(obj *unstructured.Unstructured) string {
	annotations := obj.GetAnnotations()
	for _, key := range slices.Sorted(maps.Keys(annotations)) {
		_, name, _ := strings.Cut(key, "/")
		asks := strings.HasPrefix(name, "inject-ca") || strings.HasPrefix(name, "inject-apiserver-ca")
		if value := annotations[key]; asks && value != "" && value != "false" {
			return key
		}
	}
	return ""
}

const (
	// insistedFor is how long a CA stays that was put back. After that it is taken out once more, so that it does not stay
	// when the other manager has gone, or was a thief.
	insistedFor = time.Hour
	// maxRemembered is how many CAs are remembered that we took out, or reported.
	maxRemembered = 100
)

// insistence is what one worker knows of others who keep CAs in our caBundles.
type insistence struct {
	rival string    // the field manager other than ours that was last seen to own one of them
	extra Bundle    // what was live and never in a policy of ours, when the worker last looked
	gone  Bundle    // what of that we have taken out; if another manager puts it back, that one insists
	until time.Time // what was put back stays until then; zero if nothing was
	told  Bundle    // what was reported to stay
}

// look brings it up to date with what is live, and returns what is to be left in the caBundles. everything is true if
// that is whatever was never in a policy of ours. The slots are those of live. What a replica of ours puts back is not
// insisted on: a replica that still uses another signer writes as the same field manager.
func (n *insistence) look(s scope, live *unstructured.Unstructured, slots []slot, p Policy, now time.Time) (
	insisted Bundle, everything bool,
) {
	var all Bundle
	var names []string
	var last []byte
	for _, entry := range slots {
		names = append(names, entry.webhook)
		if bytes.Equal(entry.bundle, last) {
			continue // Mostly all entries have the same.
		}
		have, _ := p.parsed.parse(entry.bundle)
		all, last = all.Union(have), entry.bundle
	}
	n.extra = all.Without(p.published).WithoutFingerprints(p.Distrusted)
	rival, _ := s.owner(live, names...)
	n.rival = cmp.Or(rival, n.rival)
	return n.putBack(rival, now), injection(live) != ""
}

// putBack is what of the live CAs we had taken out, while it may stay. rival owns a caBundle of what is live, if that
// is not "".
func (n *insistence) putBack(rival string, now time.Time) Bundle {
	back := n.gone.Intersect(n.extra)
	switch {
	case back.Empty():
		n.until = time.Time{}
	case n.until.IsZero() && rival == "", !n.until.IsZero() && !now.Before(n.until):
		n.gone, n.until, back = n.gone.Without(back), time.Time{}, Bundle{}
	case n.until.IsZero():
		n.until = now.Add(insistedFor)
	}
	return back
}

// took notes what we have taken out.
func (n *insistence) took(out Bundle) { n.gone = remember(n.gone, out) }

// ends is in how long something stops to be insisted on, 0 if nothing is.
func (n *insistence) ends(now time.Time) time.Duration {
	if n.until.IsZero() {
		return 0
	}
	return max(n.until.Sub(now), 1)
}

// remember adds to what is known, which is begun again when it has grown too much.
func remember(known, more Bundle) Bundle {
	if known.Len()+more.Len() > maxRemembered {
		return more
	}
	return known.Union(more)
}
