// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package bootstrap

import (
	"net/http"
	"sync/atomic"

	"k8s.io/client-go/rest"
)

// requestCounter counts the requests that this process makes of the API server, for the line it logs when ready.
type requestCounter struct {
	count atomic.Int64
}

// wrap makes every client built from cfg count.
func (c *requestCounter) wrap(cfg *rest.Config) {
	cfg.Wrap(func(next http.RoundTripper) http.RoundTripper {
		return roundTripper(func(req *http.Request) (*http.Response, error) {
			c.count.Add(1)
			return next.RoundTrip(req)
		})
	})
}

type roundTripper func(*http.Request) (*http.Response, error)

// RoundTrip implements [http.RoundTripper].
func (f roundTripper) RoundTrip(req *http.Request) (*http.Response, error) { return f(req) }
