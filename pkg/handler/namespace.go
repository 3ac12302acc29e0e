// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package handler

import (
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/hookstrap/hookstrap/internal/view"
)

// NamespaceLabels is the view of the labels of Namespaces. A check that looks nothing else up about them reads it in
// place of whole Namespaces.
func NamespaceLabels() *view.View[labels.Set] {
	return view.New("labels", &corev1.Namespace{}, &corev1.NamespaceList{},
		func(namespace *corev1.Namespace) (view.Kept[labels.Set], bool) {
			return view.Kept[labels.Set]{Value: namespace.Labels}, true
		})
}
