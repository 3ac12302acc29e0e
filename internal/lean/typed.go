// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package lean

import (
	"reflect"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// DecodeTyped decodes what a shape reads of an object into obj, a pointer to something that is zero. The shape is for
// types of the Kubernetes API; those of others are decoded as a whole, as with [DecodeAll].
func DecodeTyped(obj any, o Object, shape Shape) error {
	if IsKubernetes(reflect.TypeOf(obj).Elem()) {
		return DecodePart(obj, o.Whole(), shape)
	}
	return DecodeAll(obj, o)
}

// IsKubernetes says whether a type is one of the Kubernetes API, or of the metadata of all its objects. The fast
// decoder makes the same of JSON for them as Kubernetes' own, which a test makes sure of: no part of them is of any
// type, a duration or the like.
func IsKubernetes(t reflect.Type) bool {
	return strings.HasPrefix(t.PkgPath(), "k8s.io/api/") || t == reflect.TypeFor[metav1.PartialObjectMetadata]()
}
