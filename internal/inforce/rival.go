// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package inforce

import (
	"cmp"
	"fmt"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// takenAway is why the entries are not in force while another client takes the subject away again and again.
func (k *keeper) takenAway(live *unstructured.Unstructured) error {
	return fmt.Errorf("field manager %q takes the subject of ClusterRoleBinding %q away again and again, so that it is "+
		"put back less often: have it leave subjects alone; to switch the entries off, delete the ClusterRoleBinding",
		cmp.Or(rival(k.right, live), "unknown"), k.Binding)
}

// rival is the field manager that wrote the binding last since we wrote what right has, "" if none is known to have: to
// remove a field leaves no trace.
func rival(right, live *unstructured.Unstructured) string {
	var since metav1.Time // by the API server's clock, in whole seconds
	for _, entry := range right.GetManagedFields() {
		if entry.Manager == manager && entry.Time != nil {
			since = *entry.Time
		}
	}
	name := ""
	for _, entry := range live.GetManagedFields() {
		if entry.Manager != manager && entry.Time != nil && !entry.Time.Before(&since) {
			name, since = entry.Manager, *entry.Time
		}
	}
	return name
}
