// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package clustercache

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"

	"github.com/prometheus/client_golang/prometheus/promhttp"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/hookstrap/hookstrap/internal/view"
)

// feed lists and watches for a reflector, but puts what matters of each object into the store itself, before the next
// is read. The reflector gets lists without items and events without contents: it would hold on to all whole objects of
// a list until the last has come. What remains its business is the protocol. The feed is also what the reflector takes
// for its store.
type feed struct {
	client   client.WithWatch
	list     client.ObjectList
	followed *followed
	listing  chan struct{}
}

// listAll reads all objects in small pages, whatever the options say. It is used where the API server cannot
// stream the list.
func (f *feed) listAll(ctx context.Context, _ metav1.ListOptions) (runtime.Object, error) {
	select {
	case f.listing <- struct{}{}:
		defer func() { <-f.listing }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	w := f.followed.begin(true)
	limit, next := int64(firstPage), ""
	for {
		page := f.list.DeepCopyObject().(client.ObjectList)
		err := f.client.List(ctx, page, client.Limit(limit), client.Continue(next))
		if apierrors.IsRequestEntityTooLargeError(err) && limit > 1 {
			limit = max(limit/4, 1)
			continue
		}
		if err != nil {
			return nil, err
		}
		err = meta.EachListItemWithAlloc(page, func(item runtime.Object) error {
			w.Set(item.(client.Object))
			return nil
		})
		if err != nil {
			return nil, fmt.Errorf("reading the items of a list: %w", err)
		}
		if next = page.GetContinue(); next == "" {
			all := &metav1.PartialObjectMetadataList{}
			all.ResourceVersion = page.GetResourceVersion()
			return all, nil
		}
		limit = min(limit+limit/8+1, largestPage)
	}
}

// watch watches. With SendInitialEvents the API server streams all objects that there are first.
func (f *feed) watch(ctx context.Context, options metav1.ListOptions) (watch.Interface, error) {
	list := f.list.DeepCopyObject().(client.ObjectList)
	inner, err := f.client.Watch(ctx, list, &client.ListOptions{Raw: &options})
	if err != nil {
		return nil, err
	}
	all := ptr.Deref(options.SendInitialEvents, false)
	s := &stream{inner: inner, writer: f.followed.begin(all), initial: all, result: make(chan watch.Event),
		done: make(chan struct{})}
	go s.run()
	return s, nil
}

// stream is a watch whose events go into the store.
type stream struct {
	inner   watch.Interface
	writer  *view.Writer
	initial bool // the events so far are part of a list
	result  chan watch.Event
	done    chan struct{}
}

// ResultChan implements [watch.Interface].
func (s *stream) ResultChan() <-chan watch.Event { return s.result }

// Stop implements [watch.Interface]. It is called once or more, by one goroutine.
func (s *stream) Stop() {
	select {
	case <-s.done:
	default:
		close(s.done)
		s.inner.Stop()
	}
}

func (s *stream) run() {
	defer close(s.result)
	for event := range s.inner.ResultChan() {
		event, pass := s.take(event)
		if !pass {
			continue
		}
		select {
		case s.result <- event:
		case <-s.done:
			return
		}
	}
}

// take puts an event into the store and returns what the reflector has to know of it, if anything.
func (s *stream) take(event watch.Event) (watch.Event, bool) {
	obj, ok := event.Object.(client.Object)
	if !ok || event.Type == watch.Error {
		return event, true
	}
	switch event.Type {
	case watch.Added, watch.Modified:
		s.writer.Set(obj)
	case watch.Deleted:
		s.writer.Delete(obj)
	default:
	}
	seen := &metav1.PartialObjectMetadata{}
	seen.ResourceVersion = obj.GetResourceVersion()
	if event.Type == watch.Bookmark {
		seen.Annotations = obj.GetAnnotations()
		s.initial = s.initial && seen.Annotations[metav1.InitialEventsAnnotationKey] != "true"
	}
	event.Object = seen
	return event, !s.initial || event.Type != watch.Added
}

// Add implements the reflector's store, as Update and Delete do: all but the end of a list is in the real one already.
func (f *feed) Add(any) error { return nil }

// Update implements the reflector's store.
func (f *feed) Update(any) error { return nil }

// Delete implements the reflector's store.
func (f *feed) Delete(any) error { return nil }

// Resync implements the reflector's store.
func (f *feed) Resync() error { return nil }

// Replace implements the reflector's store: a list is complete.
func (f *feed) Replace([]any, string) error {
	f.followed.complete()
	return nil
}

const (
	// firstPage and largestPage are how many objects a page of a list has.
	firstPage   = 100
	largestPage = 500
	// pageBytes is how long a page of several objects may be; one that is longer is asked for with fewer.
	pageBytes = 4 << 20
)

// limitPages refuses to read long pages of lists: each is held in memory as a whole, as text and decoded. In their
// place comes the answer "413 Request Entity Too Large". A page of one object is taken as it is: the API server bounds
// its size.
func limitPages(inner http.RoundTripper) http.RoundTripper {
	return promhttp.RoundTripperFunc(func(r *http.Request) (*http.Response, error) {
		answer, err := inner.RoundTrip(r)
		limit := r.URL.Query().Get("limit")
		if err != nil || answer.StatusCode != http.StatusOK || limit == "" || limit == "1" {
			return answer, err
		}
		defer answer.Body.Close() //nolint:errcheck // Only read.
		body, err := io.ReadAll(io.LimitReader(answer.Body, pageBytes+1))
		if err != nil {
			return nil, fmt.Errorf("reading a page of a list: %w", err)
		}
		if len(body) <= pageBytes {
			answer.Body = io.NopCloser(bytes.NewReader(body))
			return answer, nil
		}
		return tooLarge(r), nil
	})
}

func tooLarge(r *http.Request) *http.Response {
	const body = `{"kind":"Status","apiVersion":"v1","status":"Failure","reason":"` +
		string(metav1.StatusReasonRequestEntityTooLarge) + `","code":413,"message":"the page of a list is too long"}`
	return &http.Response{
		Status: "413 Request Entity Too Large", StatusCode: http.StatusRequestEntityTooLarge,
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Request: r,
		Header: http.Header{"Content-Type": {"application/json"}},
		Body:   io.NopCloser(bytes.NewReader([]byte(body))), ContentLength: int64(len(body)),
	}
}
