// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package check

import (
	"context"
	"errors"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/labels"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/hookstrap/hookstrap/pkg/handler"
)

// errNoCluster says that a check cannot look anything up.
var errNoCluster = errors.New("it has no cluster to look at: give it one, or parameters that need none")

// namespaceLabels are the labels of a Namespace. One that was made a moment ago may not be known yet, while the API
// server asks about its first Pod already; to wait for it is the business of whoever knows how long news take.
func namespaceLabels(ctx context.Context, env handler.Environment, name string) (labels.Set, error) {
	if env.Cluster == nil {
		return nil, errNoCluster
	}
	namespace := &corev1.Namespace{}
	err := env.Cluster.Get(ctx, client.ObjectKey{Name: name}, namespace, client.UnsafeDisableDeepCopy)
	if err != nil {
		return nil, fmt.Errorf("cannot look up the labels of namespace %q; try again: %w", name, err)
	}
	return namespace.Labels, nil
}

// listAll reads objects from the cluster, which are shared with the cache: read only.
func listAll(
	ctx context.Context, env handler.Environment, list client.ObjectList, opts ...client.ListOption,
) error {
	if env.Cluster == nil {
		return errNoCluster
	}
	if err := env.Cluster.List(ctx, list, append(opts, client.UnsafeDisableDeepCopy)...); err != nil {
		return fmt.Errorf("cannot look at the other objects of the cluster: %w", err)
	}
	return nil
}
