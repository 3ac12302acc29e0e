// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package trust

import (
	"slices"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

func managedFields(obj *unstructured.Unstructured) []map[string]any {
	return listField(mapField(obj.Object, "metadata"), "managedFields")
}

func writer(entry map[string]any) any { return [2]any{entry["manager"], entry["operation"]} }

// OwnsBundle reports whether a set of managed fields (fieldsV1: keys are f:FIELD or k:{KEY} of a list's item) has
// the caBundle of one of the webhooks.
func OwnsBundle(kind Kind, fields map[string]any, webhooks []string) bool {
	owned := func(fields map[string]any, path ...string) bool {
		for _, key := range path {
			fields = mapField(fields, "f:"+key)
		}
		_, found := fields["f:"+kind.field()]
		return found
	}
	if path := kind.path(); path != nil {
		return owned(fields, path...)
	}
	return slices.ContainsFunc(webhooks, func(name string) bool {
		return owned(mapField(fields, "f:webhooks", `k:{"name":"`+name+`"}`), "clientConfig")
	})
}

// bundlesOf is what of a set of managed fields is a caBundle, and whether that is all, but for the entries of a list
// and their names.
func bundlesOf(fields map[string]any) (bundles map[string]any, whole bool) {
	bundles, whole = map[string]any{}, true
	for key := range fields {
		inside := mapField(fields, key)
		switch {
		case key == "f:caBundle":
			bundles[key] = map[string]any{}
		case len(inside) > 0:
			found, all := bundlesOf(inside)
			bundles[key], whole = found, whole && all
		default:
			whole = whole && (key == "." || key == "f:name")
		}
	}
	return bundles, whole
}
