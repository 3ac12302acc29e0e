// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package trust

import (
	"unique"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// Trim takes everything out of an object that is not looked at when its caBundles are kept, which is most of it: rules
// and selectors, a CRD's schema, what other field managers own. Of many objects with the same caBundle one copy of its
// text is kept. It changes obj.
func Trim(kind Kind, obj *unstructured.Unstructured) {
	all := obj.Object
	for key := range all {
		switch key {
		case "apiVersion", "kind", "metadata":
		case "webhooks":
			trimWebhooks(listField(all, key))
		case "spec":
			all[key] = trimSpec(kind, mapField(all, key))
		default:
			delete(all, key)
		}
	}
	metadata := mapField(all, "metadata")
	for key := range metadata {
		switch key {
		case "name", "uid", "resourceVersion", "annotations", "managedFields":
		default:
			delete(metadata, key)
		}
	}
	delete(mapField(metadata, "annotations"), corev1.LastAppliedConfigAnnotation)
	for _, entry := range managedFields(obj) {
		trimManaged(entry)
	}
}

// trimWebhooks leaves of each entry its name and whom it calls.
func trimWebhooks(entries []map[string]any) {
	for _, entry := range entries {
		for key := range entry {
			if key != "name" && key != "clientConfig" {
				delete(entry, key)
			}
		}
		intern(mapField(entry, "clientConfig"))
	}
}

// trimSpec leaves of a spec what has the caBundle.
func trimSpec(kind Kind, spec map[string]any) map[string]any {
	if kind != CRD {
		intern(spec)
		return spec
	}
	webhook := mapField(spec, "conversion", "webhook")
	if webhook == nil {
		return map[string]any{}
	}
	config := mapField(webhook, "clientConfig")
	intern(config)
	return map[string]any{"conversion": map[string]any{"webhook": map[string]any{"clientConfig": config}}}
}

// intern makes one string of the equal caBundles of all objects.
func intern(config map[string]any) {
	if bundle, found := config["caBundle"].(string); found {
		config["caBundle"] = unique.Make(bundle).Value()
	}
}

// trimManaged leaves of an entry of managed fields the caBundles. One that is ours is left whole: it tells what else we
// own, and is short.
func trimManaged(entry map[string]any) {
	if entry["manager"] != DefaultFieldManager {
		entry["fieldsV1"] = ownedBundles(mapField(entry, "fieldsV1"))
	}
	if at, found := entry["time"].(string); found {
		entry["time"] = unique.Make(at).Value()
	}
}

// ownedBundles is what of a set of managed fields is a caBundle; nil if nothing is.
func ownedBundles(fields map[string]any) map[string]any {
	var owned map[string]any
	for key := range fields {
		inside := ownedBundles(mapField(fields, key))
		if key != "f:caBundle" && inside == nil {
			continue
		}
		if owned == nil {
			owned = map[string]any{}
		}
		owned[key] = inside
	}
	return owned
}
