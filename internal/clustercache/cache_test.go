// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package clustercache

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// forbidden is a cache of a cluster that lets us read nothing.
func forbidden(t *testing.T) *Cache {
	t.Helper()
	answers := map[string]string{
		"/api":  `{"kind":"APIVersions","versions":["v1"]}`,
		"/apis": `{"kind":"APIGroupList","apiVersion":"v1","groups":[]}`,
		"/api/v1": `{"kind":"APIResourceList","groupVersion":"v1","resources":[` +
			`{"name":"namespaces","namespaced":false,"kind":"Namespace","verbs":["list","watch","get"]}]}`,
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		answer, ok := answers[r.URL.Path]
		if !ok {
			w.WriteHeader(http.StatusForbidden)
			answer = `{"kind":"Status","apiVersion":"v1","status":"Failure","reason":"Forbidden","code":403,"message":"no"}`
		}
		_, _ = io.WriteString(w, answer)
	}))
	t.Cleanup(server.Close)
	return New(t.Context(), &rest.Config{Host: server.URL})
}

// add tries to read all Namespaces for a moment, which fails.
func add(t *testing.T, c *Cache) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	if err := c.Add(ctx, &corev1.Namespace{}); err == nil {
		t.Fatal("Namespaces can be read")
	}
}

func TestTryingAgainNeedsNoMore(t *testing.T) {
	c := forbidden(t)
	for range 3 {
		add(t, c)
	}
	if len(c.needed) != 1 || len(c.watched) != 1 {
		t.Errorf("needs %d types and watches %d", len(c.needed), len(c.watched))
	}
}

// The reason that is told is that of the type itself.
func TestReasonsAreThoseOfTheType(t *testing.T) {
	c := forbidden(t)
	add(t, c)
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	if err := c.Add(ctx, &corev1.Namespace{}); !apierrors.IsForbidden(err) {
		t.Errorf("Namespaces: got %v", err)
	}
	if err := c.Add(ctx, &corev1.Secret{}); err == nil || apierrors.IsForbidden(err) {
		t.Errorf("Secrets, of which the API server knows nothing: got %v", err)
	}
}

// A request is not held up until its end by what cannot be read.
func TestReadsOfWhatIsNotSyncedEndEarly(t *testing.T) {
	c := forbidden(t)
	add(t, c)
	for name, read := range map[string]func(context.Context) error{
		"get": func(ctx context.Context) error {
			return c.Get(ctx, client.ObjectKey{Name: "a"}, &corev1.Namespace{})
		},
		"list": func(ctx context.Context) error { return c.List(ctx, &corev1.NamespaceList{}) },
	} {
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		err := read(ctx)
		if !errors.Is(err, errNotSynced) || ctx.Err() != nil {
			t.Errorf("%s: got %v, and the request: %v", name, err, ctx.Err())
		}
		cancel()
	}
}
