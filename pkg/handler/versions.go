// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package handler

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"

	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/sets"
)

// common are the versions of a kind that all entries until now can read.
type common struct {
	versions sets.Set[string]
	last     *entry // after which there were fewer
}

// haveCommonVersions says of which kinds the entries can read no version together. A request is about one version, and
// an entry that cannot read it has failed: one of them would, whatever an API server sends. To leave that one out would
// let users choose, by the version, which entries are asked.
func haveCommonVersions(entries []*entry) error {
	var errs []error
	all := map[schema.GroupKind]common{}
	for _, e := range entries {
		versions := versionsOf(e)
		for _, kind := range slices.SortedFunc(maps.Keys(versions), func(a, b schema.GroupKind) int {
			return cmp.Compare(a.String(), b.String())
		}) {
			known, ok := all[kind]
			both := versions[kind].Intersection(known.versions)
			switch {
			case !ok:
				all[kind] = common{versions[kind], e}
			case both.Len() == 0:
				errs = append(errs, fmt.Errorf("%s %q reads %s in version %q and %s %q in %q, so that one of them fails in every "+
					"request: keep one of them; with matchPolicy Equivalent the API server converts the others", known.last.kind,
					known.last.name, kind, sets.List(known.versions), e.kind, e.name, sets.List(versions[kind])))
			case both.Len() < known.versions.Len():
				all[kind] = common{both, e}
			}
		}
	}
	return errors.Join(errs...)
}

// versionsOf are those of each kind that the check or mutation looks at, as far as it says so.
func versionsOf(e *entry) map[schema.GroupKind]sets.Set[string] {
	looker, ok := any(e.check).(Looker)
	if !ok {
		looker, ok = any(e.mutation).(Looker)
	}
	if !ok {
		return nil
	}
	found := map[schema.GroupKind]sets.Set[string]{}
	for _, look := range looker.LooksAt() {
		kind := look.Kind.GroupKind()
		if found[kind] == nil {
			found[kind] = sets.New[string]()
		}
		found[kind].Insert(look.Kind.Version)
	}
	return found
}
