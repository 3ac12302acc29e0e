// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package check

import (
	"context"
	"errors"
	"fmt"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/labels"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/hookstrap/hookstrap/internal/view"
	"github.com/hookstrap/hookstrap/pkg/handler"
)

// errNoCluster says that a check cannot look anything up.
var errNoCluster = errors.New("it has no cluster to look at: give it one, or parameters that need none")

// namespaceLabels are the labels of a Namespace. One that was made a moment ago may not be known yet, while the API
// server asks about its first Pod already; the caller, which knows how long news take, waits for it.
func namespaceLabels(ctx context.Context, env handler.Environment, name string) (labels.Set, error) {
	if env.Cluster == nil {
		return nil, errNoCluster
	}
	set, err := handler.NamespaceLabels().Get(ctx, env.Cluster, client.ObjectKey{Name: name})
	switch {
	case apierrors.IsNotFound(err):
		return nil, fmt.Errorf("cannot look up the labels of namespace %q; try again: %w", name, err)
	case err != nil:
		return nil, fmt.Errorf("cannot look up the labels of namespace %q: %w", name, err)
	}
	return set, nil
}

// finder finds what a view keeps.
type finder[T any] = func(view.Query, func(view.Found[T]) bool) error

// finderOf reads a view of the cluster.
func finderOf[T any](ctx context.Context, env handler.Environment, v *view.View[T]) (finder[T], error) {
	if env.Cluster == nil {
		return nil, errNoCluster
	}
	find, err := v.Reader(ctx, env.Cluster)
	if err != nil {
		return nil, cannotLook(err)
	}
	return func(q view.Query, visit func(view.Found[T]) bool) error { return cannotLook(find(q, visit)) }, nil
}

func cannotLook(err error) error {
	if err != nil {
		return fmt.Errorf("cannot look at the other objects of the cluster: %w", err)
	}
	return nil
}
