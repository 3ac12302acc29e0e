// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package clustercache

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/prometheus/client_golang/prometheus/promhttp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/watch"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/hookstrap/hookstrap/internal/view"
)

// A long page is never read to its end, unless it is of one object.
func TestLongPagesAreRefused(t *testing.T) {
	for name, tc := range map[string]struct {
		query        string
		bytes, code  int
		mostMayBeGot int
	}{
		"short":          {"?limit=100", pageBytes, http.StatusOK, pageBytes},
		"long":           {"?limit=100", 10 * pageBytes, http.StatusRequestEntityTooLarge, pageBytes + 1},
		"of one object":  {"?limit=1", 2 * pageBytes, http.StatusOK, 2 * pageBytes},
		"watch":          {"?watch=1", 2 * pageBytes, http.StatusOK, 2 * pageBytes},
		"not of objects": {"", 2 * pageBytes, http.StatusOK, 2 * pageBytes},
	} {
		body := bytes.NewReader(make([]byte, tc.bytes))
		inner := promhttp.RoundTripperFunc(func(*http.Request) (*http.Response, error) {
			return &http.Response{StatusCode: http.StatusOK, Body: io.NopCloser(body)}, nil
		})
		answer, err := limitPages(inner).RoundTrip(httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/x"+tc.query, nil))
		if err != nil {
			t.Fatal(err)
		}
		all, err := io.ReadAll(answer.Body)
		if err != nil || answer.StatusCode != tc.code || tc.code == http.StatusOK && len(all) != tc.bytes {
			t.Errorf("%s: got %d with %d bytes, %v", name, answer.StatusCode, len(all), err)
		}
		if got := tc.bytes - body.Len(); got > tc.mostMayBeGot {
			t.Errorf("%s: %d bytes were read", name, got)
		}
	}
}

// The reflector hears of events what it needs for the protocol, and nothing of what is in the objects; of those that are
// a list it hears nothing.
func TestStreamKeepsObjectsFromTheReflector(t *testing.T) {
	v, err := whole("all", &corev1.ConfigMap{})
	if err != nil {
		t.Fatal(err)
	}
	f := &followed{store: view.NewStore(v, nil), synced: make(chan struct{})}
	inner := watch.NewFakeWithChanSize(10, false)
	s := &stream{inner: inner, writer: f.begin(true), initial: true, result: make(chan watch.Event), done: make(chan struct{})}
	event := func(name, version string) *corev1.ConfigMap {
		o := &corev1.ConfigMap{Data: map[string]string{"a": "b"}}
		o.Namespace, o.Name, o.ResourceVersion = "shop", name, version
		o.ManagedFields = []metav1.ManagedFieldsEntry{{Manager: "m"}}
		o.Annotations = map[string]string{corev1.LastAppliedConfigAnnotation: "{}", "own": "kept"}
		return o
	}
	end := &corev1.ConfigMap{}
	end.ResourceVersion, end.Annotations = "7", map[string]string{metav1.InitialEventsAnnotationKey: "true"}
	inner.Add(event("first", "5"))
	inner.Action(watch.Bookmark, end)
	inner.Add(event("second", "8"))
	inner.Modify(event("second", "9"))
	inner.Delete(event("first", "10"))
	go s.run()
	for _, want := range []struct {
		kind    watch.EventType
		version string
	}{{watch.Bookmark, "7"}, {watch.Added, "8"}, {watch.Modified, "9"}, {watch.Deleted, "10"}} {
		got := <-s.ResultChan()
		seen, ok := got.Object.(*metav1.PartialObjectMetadata)
		if !ok || got.Type != want.kind || seen.ResourceVersion != want.version || seen.Name != "" {
			t.Fatalf("got %+v, want %+v", got, want)
		}
	}
	f.complete()
	s.Stop()
	s.Stop()
	for range s.ResultChan() {
	}
	if _, ok := f.store.Get(client.ObjectKey{Namespace: "shop", Name: "first"}); ok {
		t.Error("what was deleted is still there")
	}
	got, ok := f.store.Get(client.ObjectKey{Namespace: "shop", Name: "second"})
	if !ok {
		t.Fatal("what was added is not there")
	}
	o := got.(*corev1.ConfigMap)
	if o.Data["a"] != "b" || len(o.ManagedFields) > 0 || len(o.Annotations) != 1 || o.Annotations["own"] != "kept" || o.Kind != "ConfigMap" {
		t.Errorf("kept %+v", o)
	}
}

// The types that authors may read as a whole, and how each is called.
func TestListsOfTypes(t *testing.T) {
	ofKind := func(obj client.Object) client.Object {
		obj.GetObjectKind().SetGroupVersionKind(corev1.SchemeGroupVersion.WithKind("Secret"))
		return obj
	}
	for _, obj := range []client.Object{
		&corev1.Secret{}, ofKind(&metav1.PartialObjectMetadata{}), ofKind(&unstructured.Unstructured{}),
	} {
		v, err := whole(view.Name(obj), obj)
		if err != nil {
			t.Fatal(err)
		}
		_, list := v.Of()
		item, err := itemOf(list)
		if err != nil || view.Name(item) != view.Name(obj) {
			t.Errorf("a list of %s has items %v: %v", view.Name(obj), item, err)
		}
	}
}
