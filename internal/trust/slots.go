// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package trust

import (
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
)

// slot is one place of a live object for a CA bundle of ours.
type slot struct {
	index   int    // of the entry in a webhook configuration, which has many; 0 elsewhere
	webhook string // the entry's name there; "" elsewhere
	bundle  []byte // the live caBundle
	name    string // what the API server verifies the certificate for; "" for the name of our Service
	late    bool   // of one that we leave: the server that it calls may be one of us that has just been renamed
}

// scope is what an injector has to do with one target.
type scope struct {
	target  Target
	service types.NamespacedName
	manager string                 // our field manager
	covers  func(host string) bool // whether our certificate is for a host; nil for our Service alone
	any     bool                   // whether any Service is ours, as in an object that asks for that
}

// place is where an object says which server the API server calls, which may be another one.
type place struct {
	index   int    // of the entry in a webhook configuration, which has many; 0 elsewhere
	webhook string // the entry's name there; "" elsewhere
	config  map[string]any
}

// placesOf are the places of an object in their order. The object may be nil.
func placesOf(kind Kind, obj *unstructured.Unstructured) []place {
	if obj == nil {
		return nil
	}
	if path := kind.path(); path != nil {
		// With strategy None the API server rejects a CRD's webhook, so finding one means that the strategy is Webhook.
		if single := mapField(obj.Object, path...); len(single) > 0 {
			return []place{{config: single}}
		}
		return nil
	}
	var all []place
	for i, webhook := range listField(obj.Object, "webhooks") {
		name, _, _ := unstructured.NestedString(webhook, "name")
		all = append(all, place{i, name, mapField(webhook, "clientConfig")})
	}
	return all
}

// slots finds the entries of obj which call us. Everything else in the object belongs to somebody else.
func (s scope) slots(obj *unstructured.Unstructured) []slot {
	if s.creates() {
		bundle, _ := mapField(obj.Object, "spec")["trustBundle"].(string)
		return []slot{{bundle: []byte(bundle)}}
	}
	if s.skipsVerification(obj) {
		return nil // The API server takes no caBundle beside it.
	}
	var ours []slot
	decode := repeated(decodeBundle)
	for _, p := range placesOf(s.target.Kind, obj) {
		if name, found := s.reaches(p.config); found {
			bundle := decode(encodedBundle(p.config))
			ours = append(ours, slot{index: p.index, webhook: p.webhook, bundle: bundle, name: name})
		}
	}
	return ours
}

// creates reports whether the object is all ours, so that we make it when it is not there.
func (s scope) creates() bool { return s.target.Kind == trustBundle }

// leave finds the entries that called us and call somebody else now, each with the caBundle that is to be left in it:
// without our CAs, which the owner did not ask for. What has another field manager for an owner is not ours to change.
// called is where our entries went when they were last seen, by name; it is brought up to date. An entry that is put
// back as it was is not left twice.
//
// With ours alone in it, an entry that calls another Service may have the CA that this Service's server uses: the
// Service was renamed, or the signer is everybody's. A caBundle of our own signer goes when a rollout is over, another
// stays.
func (s scope) leave(
	live *unstructured.Unstructured, slots []slot, called map[string]string, trusted Bundle, exact bool,
) []slot {
	ours, left := map[string]bool{}, []slot(nil)
	for _, o := range slots {
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

// reaches reports whether a client configuration leads to us: to our Service, or to another host that our certificate
// is for. The name is what the API server verifies in the second case, and "" in the first.
func (s scope) reaches(config map[string]any) (name string, ours bool) {
	if s.callsOurs(config) {
		return "", true
	}
	host := verifiedHost(config)
	if host == "" || s.covers == nil || !s.covers(host) {
		return "", false
	}
	return host, true
}

// skipsVerification reports whether obj is an APIService of ours through which the API server calls us without
// verifying our certificate. It takes no caBundle then.
func (s scope) skipsVerification(obj *unstructured.Unstructured) bool {
	if obj == nil || s.target.Kind != APIService {
		return false
	}
	spec := mapField(obj.Object, "spec")
	return spec["insecureSkipTLSVerify"] == true && s.callsOurs(spec)
}

// callsOurs reports whether a client configuration names our Service, or any if all are ours.
func (s scope) callsOurs(config map[string]any) bool {
	if s.any {
		return len(mapField(config, "service")) > 0
	}
	return callsService(config, s.service)
}

// owner is a field manager other than ours that owns the caBundle of one of the webhooks, if any does. Of a CRD we give
// ours up.
func (s scope) owner(live *unstructured.Unstructured, webhooks ...string) (name string, found bool) {
	for _, entry := range managedFields(live) {
		name, _ := entry["manager"].(string)
		if name != s.manager && OwnsBundle(s.target.Kind, mapField(entry, "fieldsV1"), webhooks) {
			return name, true
		}
	}
	return "", false
}
