// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package lifecycle

import (
	"net/http"
	"sync"
	"time"

	"k8s.io/klog/v2"
)

// What is logged of unknown paths: each once in an interval, a number of them, and as much of each.
const (
	unknownInterval = time.Minute
	mostUnknown     = 10
	maxUnknown      = 128
	maxMethod       = 16
)

// unknownPaths logs requests for paths that nothing is served at, which are mostly mistakes in a webhook configuration
// or a probe. Anybody who can connect can ask for any path.
type unknownPaths struct {
	mu    sync.Mutex
	since time.Time
	said  map[string]bool
}

func (u *unknownPaths) log(r *http.Request) {
	path := r.URL.EscapedPath() // It is ASCII without control characters, and the method is a token.
	path, method := path[:min(len(path), maxUnknown)], r.Method[:min(len(r.Method), maxMethod)]
	if u.news(method+" "+path, time.Now()) {
		klog.FromContext(r.Context()).Info("Nothing is served at this path: correct it where it is configured",
			"method", method, "path", path, "remote", r.RemoteAddr)
	}
}

// news tells whether this was not said in the interval and there is room for it.
func (u *unknownPaths) news(what string, now time.Time) bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	if now.Sub(u.since) >= unknownInterval {
		u.since, u.said = now, map[string]bool{}
	}
	if u.said[what] || len(u.said) >= mostUnknown {
		return false
	}
	u.said[what] = true
	return true
}

// NotFoundHandler answers 404, and logs the path: ten paths a minute at most, and each once in that time.
func NotFoundHandler() http.Handler {
	unknown := &unknownPaths{}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		unknown.log(r)
		http.NotFound(w, r)
	})
}

// withUnknownPaths logs, as [NotFoundHandler] does, what a mux has no pattern for. Other handlers are left as they are.
func withUnknownPaths(handler http.Handler) http.Handler {
	mux, ok := handler.(*http.ServeMux)
	if !ok {
		return handler
	}
	unknown := &unknownPaths{}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, pattern := mux.Handler(r); pattern == "" {
			unknown.log(r)
		}
		mux.ServeHTTP(w, r)
	})
}
