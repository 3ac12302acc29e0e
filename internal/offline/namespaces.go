// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package offline

import (
	"encoding/json"
	"maps"
	"slices"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// namespacesOf makes Namespaces of labels by name. One whose manifest is among the objects has its labels, too.
func namespacesOf(labels map[string]map[string]string, objects []object) []object {
	all := make([]object, 0, len(labels))
	for _, name := range slices.Sorted(maps.Keys(labels)) {
		set := map[string]string{}
		for i := range objects {
			if objects[i].isNamespace() && objects[i].name == name {
				maps.Copy(set, objects[i].labels)
			}
		}
		maps.Copy(set, labels[name])
		set[corev1.LabelMetadataName] = name
		namespace := corev1.Namespace{
			TypeMeta:   metav1.TypeMeta{APIVersion: "v1", Kind: "Namespace"},
			ObjectMeta: metav1.ObjectMeta{Name: name, Labels: set},
		}
		raw, err := json.Marshal(&namespace)
		if err != nil {
			continue // not for texts
		}
		all = append(all, object{
			kind: corev1.SchemeGroupVersion.WithKind("Namespace"), name: name, labels: set, raw: raw,
		})
	}
	return all
}
