// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package audit

import (
	"context"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// source is what an Auditor reads of a cluster.
type source interface {
	// kinds are those that can be listed, each in one version: one that the rules name, or the preferred one. An error
	// beside them says that there may be others.
	kinds(ctx context.Context) ([]kind, error)
	// list calls visit for each object of a kind once, as JSON that visit may keep; metadata asks for nothing but the
	// metadata. It ends with the first error, also of visit.
	list(ctx context.Context, k kind, metadata bool, visit func(raw []byte) error) error
	// lookups returns a reader for what checks look up, until ctx ends.
	lookups(ctx context.Context) (lookups, error)
}

// kind is a kind of objects, as the API server calls it.
type kind struct {
	kind       schema.GroupVersionKind
	resource   schema.GroupVersionResource
	namespaced bool
}

func namespaceKind() kind {
	return kind{
		kind:     corev1.SchemeGroupVersion.WithKind("Namespace"),
		resource: corev1.SchemeGroupVersion.WithResource("namespaces"),
	}
}

func (k kind) isPods() bool { return k.kind.GroupKind() == schema.GroupKind{Kind: "Pod"} }

// The ranks of kinds, in the order in which they are read.
const (
	rankTop    = iota
	rankMiddle // controllers whose objects have controllers
	rankPod
)

func (k kind) rank() int {
	switch k.kind.GroupKind() {
	case schema.GroupKind{Kind: "Pod"}:
		return rankPod
	case schema.GroupKind{Group: "apps", Kind: "ReplicaSet"}, schema.GroupKind{Group: "batch", Kind: "Job"}:
		return rankMiddle
	}
	return rankTop
}
