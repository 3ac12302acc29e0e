// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package trust

import (
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// overwriter names the field manager who changed the caBundle of one of the webhooks between right and live, as far
// as managed fields can tell: another owner of the caBundle, or else (a caBundle which was removed has no owner)
// the manager that wrote the object last in between. ours is our own field manager. The answer is a hint for a person,
// "" when there is none: who only removes fields leaves no trace.
func overwriter(kind Kind, right, live *unstructured.Unstructured, webhooks []string, ours string) string {
	before := map[any]any{} // time by manager and operation
	if right.GetUID() == live.GetUID() {
		for _, entry := range managedFields(right) {
			before[writer(entry)] = entry["time"]
		}
	}
	last, lastTime := "", ""
	for _, entry := range managedFields(live) {
		name, _ := entry["manager"].(string)
		fields := mapField(entry, "fieldsV1")
		if _, whole := bundlesOf(fields); whole && name == ours {
			continue // A user may take our name as well; he owns more than caBundles.
		}
		if OwnsBundle(kind, fields, webhooks) {
			return name
		}
		// RFC 3339 in UTC with whole seconds, so the order of the strings is the order of the times.
		if at, _ := entry["time"].(string); before[writer(entry)] != at && at >= lastTime {
			last, lastTime = name, at
		}
	}
	return last
}
