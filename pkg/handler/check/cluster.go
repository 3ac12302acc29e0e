// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package check

import (
	"context"
	"errors"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/labels"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/hookstrap/hookstrap/pkg/handler"
)

// How long a Namespace may take to reach the cache after its first object is asked about, and how often to look.
const (
	cachePatience = 2 * time.Second
	cacheInterval = 10 * time.Millisecond
)

// errNoCluster says that a check cannot look anything up.
var errNoCluster = errors.New("it has no cluster to look at: give it one, or parameters that need none")

// namespaceLabels are the labels of a Namespace. One that was made a moment ago may not be in the cache yet, while the
// API server asks about its first Pod already; so what is not there is waited for.
func namespaceLabels(ctx context.Context, env handler.Environment, name string) (labels.Set, error) {
	if env.Cluster == nil {
		return nil, errNoCluster
	}
	get := func() (labels.Set, error) {
		namespace := &corev1.Namespace{}
		err := env.Cluster.Get(ctx, client.ObjectKey{Name: name}, namespace, client.UnsafeDisableDeepCopy)
		return namespace.Labels, err
	}
	found, err := get()
	if !apierrors.IsNotFound(err) || env.Offline {
		return found, explainNamespace(name, err)
	}
	ctx, cancel := context.WithTimeout(ctx, cachePatience)
	defer cancel()
	ticker := time.NewTicker(cacheInterval)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil, explainNamespace(name, err)
		case <-ticker.C:
		}
		if found, err = get(); !apierrors.IsNotFound(err) {
			return found, explainNamespace(name, err)
		}
	}
}

func explainNamespace(name string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("cannot look up the labels of namespace %q; try again: %w", name, err)
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
