// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package trust

import (
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// leave finds the entries that called us and call somebody else now, each with the caBundle that is to be left in it:
// without our CAs, which the owner did not ask for. What has another field manager for an owner is not ours to change.
// called is where our entries went when they were last seen, by name; it is brought up to date. An entry that is put
// back as it was is not left twice.
//
// With ours alone in it, an entry that calls another Service may have the CA that this Service's server uses: the
// Service was renamed, or the signer is everybody's. A caBundle of our own signer goes when a rollout is over, another
// stays.
func (s scope) leave(live *unstructured.Unstructured, called map[string]string, trusted Bundle, exact bool) []slot {
	ours, left := map[string]bool{}, []slot(nil)
	for _, o := range s.slots(live) {
		ours[o.webhook] = true
	}
	for _, p := range placesOf(s.target.Kind, live) {
		was, known := called[p.webhook]
		now := destination(p.config)
		if ours[p.webhook] {
			called[p.webhook] = now
			continue
		}
		if !known || was == now {
			continue
		}
		have, err := ParseBundle(caBundle(p.config))
		rest := have.Without(trusted)
		late := rest.Empty() && p.config["url"] == nil
		_, owned := s.owner(live, p.webhook)
		if err != nil || rest.Equal(have) || late && !exact || owned {
			delete(called, p.webhook)
			continue
		}
		left = append(left, slot{index: p.index, webhook: p.webhook, bundle: rest.PEM(), late: late})
	}
	return left
}
