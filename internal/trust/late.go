// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package trust

import (
	"encoding/hex"
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

const (
	// surplusDelay is longer than a replica's watch of what has to be trusted is behind that of another.
	surplusDelay = 5 * time.Second
	// unknownDelay is longer than it takes until a rollout is over, in which replicas serve certificates of CAs that
	// the others have not heard of.
	unknownDelay = 15 * time.Minute
)

// lateness is since when one object has had what is too much in it, each thing for itself: no CA leaves before its time
// because another one is there already, and none stays because others come. What has gone is forgotten, so that this is
// never more than what the object has.
type lateness struct {
	since map[any]time.Time // by the sum of a CA, the name of an entry that is no longer ours, and [ownership]
}

// ownership is the key of what we own beyond need.
type ownership struct{}

// hold returns the policy with what has to stay for now, and in how long some of that may leave, 0 if nothing stays.
// d is what there is to do in all.
func (l *lateness) hold(
	s scope, live *unstructured.Unstructured, slots []slot, p Policy, d decision, now time.Time,
) (Policy, time.Duration) {
	before, next := l.since, time.Duration(0)
	l.since = map[any]time.Time{}
	stays := func(key any, delay time.Duration) bool {
		since, known := before[key]
		if !known {
			since = now
		}
		l.since[key] = since
		wait := since.Add(delay).Sub(now)
		if wait > 0 && (next == 0 || wait < next) {
			next = wait
		}
		return wait > 0
	}
	p.early = filter(p.tooMuch(slots), func(m *member) bool {
		if s.target.Kind == trustBundle || has(p.known, m) || p.distrusts(m) {
			return stays(m.sum, surplusDelay)
		}
		return stays(m.sum, unknownDelay)
	})
	p.left = slices.DeleteFunc(slices.Clone(p.left), func(entry slot) bool {
		if entry.late {
			return stays(entry.webhook, unknownDelay)
		}
		return stays(entry.webhook, surplusDelay)
	})
	// Each write that adds something makes us an owner again.
	p.owns = !d.urgent && len(s.disown(live)) > 0 && stays(ownership{}, surplusDelay)
	return p, next
}

// tooMuch is what has to leave the caBundles sooner or later.
func (p Policy) tooMuch(slots []slot) Bundle {
	of := func(p Policy) func(live []byte) Bundle {
		return repeated(func(live []byte) Bundle {
			have, _ := p.parsed.parse(live)
			return p.leaving(have).Union(filter(have, p.distrusts))
		})
	}
	ours, byHost := of(p), of(p.byHost())
	var all Bundle
	for _, entry := range slots {
		if entry.name == "" {
			all = all.Union(ours(entry.bundle))
		} else {
			all = all.Union(byHost(entry.bundle))
		}
	}
	return all
}

// distrusts reports whether a CA has to leave whatever else holds.
func (p Policy) distrusts(m *member) bool {
	return len(p.Distrusted) > 0 && slices.Contains(p.Distrusted, hex.EncodeToString(m.sum[:]))
}
