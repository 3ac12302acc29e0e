// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package trust

import (
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// overwriter names the field manager who changed the caBundle of one of the webhooks, as far as managed fields can
// tell: another owner of the caBundle, or else (a caBundle which was removed has no owner) whoever wrote the object
// last. ours is our own field manager. The answer is a hint for a person, "" when there is none.
func overwriter(kind Kind, live *unstructured.Unstructured, webhooks []string, ours string) string {
	last, lastTime := "", ""
	for _, entry := range listField(mapField(live.Object, "metadata"), "managedFields") {
		manager, _ := entry["manager"].(string)
		if manager == ours {
			continue
		}
		if ownsBundle(kind, mapField(entry, "fieldsV1"), webhooks) {
			return manager
		}
		// RFC 3339 in UTC with whole seconds, so the order of the strings is the order of the times.
		if at, _ := entry["time"].(string); at >= lastTime {
			last, lastTime = manager, at
		}
	}
	return last
}

// ownsBundle reports whether a set of managed fields (fieldsV1: keys are f:FIELD or k:{KEY} of a list's item) has
// the caBundle of one of the webhooks.
func ownsBundle(kind Kind, fields map[string]any, webhooks []string) bool {
	owned := func(path ...string) bool {
		_, found := mapField(fields, path...)["f:caBundle"]
		return found
	}
	switch kind {
	case CRD:
		return owned("f:spec", "f:conversion", "f:webhook", "f:clientConfig")
	case APIService:
		return owned("f:spec")
	}
	for _, name := range webhooks {
		if owned("f:webhooks", `k:{"name":"`+name+`"}`, "f:clientConfig") {
			return true
		}
	}
	return false
}
