// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package handler

import (
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/labels"
)

// NamespaceLabels is the view of the labels of Namespaces. A check that looks nothing else up about them reads it in
// place of whole Namespaces.
func NamespaceLabels() *View[labels.Set] {
	return NewView("labels", &corev1.Namespace{}, &corev1.NamespaceList{},
		func(namespace *corev1.Namespace) (Kept[labels.Set], bool) {
			return Kept[labels.Set]{Value: namespace.Labels}, true
		})
}
