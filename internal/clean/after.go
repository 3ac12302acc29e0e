// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package clean

import (
	"maps"
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/sets"
)

const (
	// mostBytes is how much is written into the ConfigMap, which may have 1 MiB with its metadata: some 20,000 names.
	mostBytes = 900 << 10
	// unused is for how long what is known of a policy is kept that none of our replicas audits any more: during a rollout
	// there are two, and a rollback wants the old one.
	unused = time.Hour
)

// Found is what an audit has found.
type Found struct {
	// Namespaces are those that exist, with their UIDs.
	Namespaces map[string]types.UID
	// Unasked are namespaces of which nothing was judged, because the server is not asked about them.
	Unasked sets.Set[string]
	// In are the namespaces, by check, in which it has found something or could not tell; "" for objects in none.
	In map[string]sets.Set[string]
}

// Began is in which namespaces a check denies since an audit.
type Began struct {
	Policy
	// Namespaces are sorted; "" stands for objects in none.
	Namespaces []string
	// Warns is in how many namespaces it still warns.
	Warns int
}

// after is the state once an audit that began at a time has looked for these policies, and what is new in it. A
// namespace that denies goes on denying: what an audit finds there was let in otherwise.
func (s State) after(policies []Policy, found Found, at time.Time) (State, []Began) {
	next := State{}
	for policy, record := range s {
		if at.Sub(record.Audited) < unused {
			next[policy] = record
		}
	}
	for _, policy := range policies {
		next[policy] = s.record(policy, found, at)
	}
	next.limit(s, policies)
	var all []Began
	for _, policy := range policies {
		if began := s.began(policy, next[policy], found); len(began.Namespaces) > 0 {
			all = append(all, began)
		}
	}
	return next, all
}

// record is what is known of one policy after an audit.
func (s State) record(policy Policy, found Found, at time.Time) Record {
	old, known := s[policy]
	listed := known && !old.Everywhere
	next := Record{Audited: at.UTC().Truncate(time.Second), NotClean: map[string]string{}}
	for namespace := range found.In[policy.Check] {
		uid, exists := found.Namespaces[namespace]
		switch {
		case namespace == "":
			next.Outside = !listed || old.Outside
		case exists && (!listed || old.has(namespace, uid)):
			next.NotClean[namespace] = short(uid)
		}
	}
	for namespace := range found.Unasked {
		if uid, exists := found.Namespaces[namespace]; exists {
			next.NotClean[namespace] = short(uid)
		}
	}
	return next
}

// limit takes the names out of records until what is left can be written, the longest first. A record that had names
// before comes last: the check would warn again where it denies.
func (s State) limit(before State, policies []Policy) {
	size := 0
	for policy, record := range s {
		size += record.bytes(policy)
	}
	order := slices.Clone(policies)
	slices.SortFunc(order, func(a, b Policy) int {
		if a, b := before.lists(a), before.lists(b); a != b {
			if a {
				return 1
			}
			return -1
		}
		return s[b].bytes(b) - s[a].bytes(a)
	})
	for _, policy := range order {
		if size <= mostBytes {
			return
		}
		record := s[policy]
		size -= record.bytes(policy)
		record.Everywhere, record.NotClean = true, nil
		s[policy] = record
		size += record.bytes(policy)
	}
}

func (s State) lists(p Policy) bool {
	record, known := s[p]
	return known && !record.Everywhere
}

// bytes is about how long the record is in the ConfigMap.
func (r Record) bytes(p Policy) int {
	size := len(p.key()) + 100
	for namespace, uid := range r.NotClean {
		size += len(namespace) + len(uid) + len(`"":"",`)
	}
	return size
}

// began says where a check denies that has warned, or was not there, before the audit.
func (s State) began(policy Policy, next Record, found Found) Began {
	began := Began{Policy: policy, Warns: len(next.NotClean)}
	old, known := s[policy]
	for _, namespace := range append(slices.Sorted(maps.Keys(found.Namespaces)), "") {
		if next.Clean(namespace) && (!known || !old.Clean(namespace)) {
			began.Namespaces = append(began.Namespaces, namespace)
		}
	}
	return began
}
