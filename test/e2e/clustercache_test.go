// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/hookstrap/hookstrap/internal/clustercache"
	"github.com/hookstrap/hookstrap/test/e2e/cluster/clustertest"
	"github.com/hookstrap/hookstrap/test/e2e/site"
)

func TestClusterCache(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	cache := clustercache.New(ctx, shared.Config())
	if err := cache.Get(ctx, client.ObjectKey{Name: "default"}, &corev1.Namespace{}); err == nil {
		t.Error("something can be read before anything was added")
	}
	must(t, cache.Add(ctx, &corev1.Namespace{}))
	cache.Keep(&corev1.Namespace{})

	var all corev1.NamespaceList
	must(t, cache.List(ctx, &all))
	if len(all.Items) == 0 || len(all.Items[0].ManagedFields) > 0 {
		t.Errorf("%d namespaces, the first with managed fields %v", len(all.Items), all.Items)
	}

	// One that is made in this moment is waited for.
	for range 5 {
		name := clustertest.Namespace(t, shared)
		must(t, cache.Get(ctx, client.ObjectKey{Name: name}, &corev1.Namespace{}))
	}

	// One that never comes is waited for once, and not for long.
	never := func(ctx context.Context, name string) time.Duration {
		start := time.Now()
		if err := cache.Get(ctx, client.ObjectKey{Name: name}, &corev1.Namespace{}); !apierrors.IsNotFound(err) {
			t.Errorf("got %v", err)
		}
		return time.Since(start)
	}
	first, again := never(ctx, "never"), never(ctx, "never")
	for range 4 { // A busy machine makes one of them slow, but not all.
		again = min(again, never(ctx, "never"))
	}
	if first < 500*time.Millisecond || again > first/2 {
		t.Errorf("waited for %s, and then for %s", first, again)
	}
	inTime := func(name string) bool {
		soon, cancel := context.WithTimeout(ctx, 1600*time.Millisecond)
		defer cancel()
		never(soon, name)
		return soon.Err() == nil
	}
	if !slices.ContainsFunc([]string{"never-either", "never-at-all", "not-now", "not-then"}, inTime) { // as above
		t.Error("no answer came before its deadline")
	}

	// A type that no one has added is no reason to ask the API server in a review.
	if err := cache.Get(ctx, client.ObjectKey{Name: "x", Namespace: "default"}, &corev1.Secret{}); err == nil || apierrors.IsNotFound(err) {
		t.Errorf("a type that was not added: got %v", err)
	}
}

func TestClusterCacheWithoutTheRight(t *testing.T) {
	t.Parallel()
	s := site.New(t, shared, site.Options{WithoutConfiguration: true})
	cache := clustercache.New(t.Context(), s.Config(t))
	soon, cancel := context.WithTimeout(t.Context(), 3*time.Second)
	defer cancel()
	err := cache.Add(soon, &corev1.Namespace{})
	if err == nil || !strings.Contains(err.Error(), "reading all Namespace objects of the cluster; it takes the right to list") ||
		!strings.Contains(err.Error(), "forbidden") {
		t.Errorf("got %v", err)
	}
	if err := cache.List(soon, &corev1.NamespaceList{}); err == nil {
		t.Error("an empty cache can be read")
	}
	if errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	_, err = s.Admin.CoreV1().Namespaces().Get(t.Context(), s.Namespace, metav1.GetOptions{})
	must(t, err)
}
