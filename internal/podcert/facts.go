// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package podcert

import (
	"maps"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
)

// Pod is what counts of a Pod.
type Pod struct {
	UID                types.UID
	Created            time.Time
	Labels             map[string]string
	ServiceAccountName string
	NodeName           string
	// Ended says that its containers have ended and are not started again.
	Ended bool
}

func podOf(obj *corev1.Pod) Pod {
	return Pod{
		UID: obj.UID, Created: obj.CreationTimestamp.Time, Labels: obj.Labels,
		ServiceAccountName: obj.Spec.ServiceAccountName, NodeName: obj.Spec.NodeName,
		Ended: obj.Status.Phase == corev1.PodSucceeded || obj.Status.Phase == corev1.PodFailed,
	}
}

func (p Pod) equal(other Pod) bool {
	return p.UID == other.UID && p.ServiceAccountName == other.ServiceAccountName && p.NodeName == other.NodeName &&
		p.Ended == other.Ended && maps.Equal(p.Labels, other.Labels)
}

// Selector is that of a Service.
type Selector map[string]string

// selectorOf returns nil for a Service that selects no Pods: one without a selector, or a name for another host.
func selectorOf(obj *corev1.Service) Selector {
	if obj.Spec.Type == corev1.ServiceTypeExternalName {
		return nil
	}
	return obj.Spec.Selector
}

func (s Selector) selects(labels map[string]string) bool {
	for key, value := range s {
		if got, has := labels[key]; !has || got != value {
			return false
		}
	}
	return len(s) > 0
}

// Facts are what is known of a request's namespace.
type Facts struct {
	// Pod is that of the request's name, nil if there is none.
	Pod *Pod
	// ServiceAccountUID is that of the request's ServiceAccount, "" if there is none.
	ServiceAccountUID types.UID
	// Services are all that select Pods, by name, and OptedIn those of them for which CertificateSigningRequests are
	// signed.
	Services map[string]Selector
	OptedIn  map[string]bool
}
