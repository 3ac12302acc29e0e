// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package clustercache

import (
	"context"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"k8s.io/client-go/rest"
)

// refusing is a connection to a cluster that knows Namespaces and lets us read none.
type refusing struct{}

// RoundTrip implements [http.RoundTripper].
func (refusing) RoundTrip(r *http.Request) (*http.Response, error) {
	status, body := http.StatusForbidden,
		`{"kind":"Status","apiVersion":"v1","status":"Failure","reason":"Forbidden","code":403,"message":"no"}`
	switch r.URL.Path {
	case "/api":
		status, body = http.StatusOK, `{"kind":"APIVersions","versions":["v1"]}`
	case "/apis":
		status, body = http.StatusOK, `{"kind":"APIGroupList","apiVersion":"v1","groups":[]}`
	case "/api/v1":
		status, body = http.StatusOK, `{"kind":"APIResourceList","groupVersion":"v1","resources":[`+
			`{"name":"namespaces","namespaced":false,"kind":"Namespace","verbs":["list","watch","get"]}]}`
	}
	return &http.Response{StatusCode: status, Header: http.Header{"Content-Type": {"application/json"}}, Request: r,
		Body: io.NopCloser(strings.NewReader(body))}, nil
}

func (c *Cache) countWatched() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.watched)
}

// TestWhatIsNotNeededIsNotWatched: a while after the last check that needs it, and not sooner, for a request may be
// reading it.
func TestWhatIsNotNeededIsNotWatched(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		c := New(ctx, &rest.Config{Host: "https://api.test", Transport: refusing{}})
		add(t, c)
		c.Keep()
		<-time.After(afterglow - time.Second)
		synctest.Wait()
		if n := c.countWatched(); n != 1 {
			t.Errorf("%d types are watched although a request may read one", n)
		}
		<-time.After(2 * time.Second)
		synctest.Wait()
		if n := c.countWatched(); n != 0 {
			t.Errorf("%d types are watched that are not needed", n)
		}
		cancel()
		synctest.Wait()
	})
}
