// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package trust

import (
	"maps"
	"slices"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// place is an entry of any owner: where its caBundle is, and its client configuration.
type place struct {
	slot
	config map[string]any
}

// places are all entries of an object by name, whatever they call; that of a CRD or an APIService has no name.
func (s scope) places(obj *unstructured.Unstructured) map[string]place {
	all := map[string]place{}
	single := func(config map[string]any) {
		if len(config) > 0 {
			all[""] = place{slot{bundle: caBundle(config)}, config}
		}
	}
	switch s.target.Kind {
	case Validating, Mutating:
		for i, webhook := range listField(obj.Object, "webhooks") {
			found := slotOf(i, webhook)
			all[found.webhook] = place{found, mapField(webhook, "clientConfig")}
		}
	case CRD:
		single(mapField(obj.Object, "spec", "conversion", "webhook", "clientConfig"))
	case APIService:
		single(mapField(obj.Object, "spec"))
	case trustBundle:
	}
	return all
}

// leave finds the entries that called us and call somebody else now, each with the caBundle that is to be left in it:
// without our CAs, which the owner did not ask for. What has another field manager for an owner is not ours to change.
// called is where our entries went when they were last seen, by name; it is brought up to date. An entry that is put
// back as it was is not left twice.
//
// With ours alone in it, an entry that calls another Service may have the CA that this Service's server uses: the
// Service was renamed, or the signer is everybody's. A caBundle of our own signer goes when a rollout is over, another
// stays.
func (s scope) leave(live *unstructured.Unstructured, called map[string]string, ours Bundle, exact bool) []slot {
	places := s.places(live)
	for _, o := range s.slots(live) {
		called[o.webhook] = destination(places[o.webhook].config)
		delete(places, o.webhook)
	}
	var left []slot
	for _, name := range slices.Sorted(maps.Keys(places)) {
		was, known := called[name]
		p := places[name]
		if !known || was == destination(p.config) {
			continue
		}
		have, err := ParseBundle(p.bundle)
		rest := have.Without(ours)
		if err != nil || rest.Equal(have) || s.ownedByOthers(live, name) {
			delete(called, name)
			continue
		}
		if p.late = rest.Empty() && p.config["url"] == nil; p.late && !exact {
			delete(called, name)
			continue
		}
		p.bundle = rest.PEM()
		left = append(left, p.slot)
	}
	return left
}

// ownedByOthers reports whether another field manager owns the caBundle of an entry. No manager may: of a CRD we give
// ours up.
func (s scope) ownedByOthers(live *unstructured.Unstructured, webhook string) bool {
	return slices.ContainsFunc(managedFields(live), func(entry map[string]any) bool {
		return entry["manager"] != s.manager && ownsBundle(s.target.Kind, mapField(entry, "fieldsV1"), []string{webhook})
	})
}
