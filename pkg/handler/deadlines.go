// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package handler

import (
	"net/http"
	"net/url"
	"strings"
	"time"
)

const (
	// The API server accepts timeoutSeconds from 1 to 30, and takes 10 when none is given.
	minTimeout, defaultTimeout, maxTimeout = time.Second, 10 * time.Second, 30 * time.Second

	// maxMargin bounds the time that is kept back for the answer's way home.
	maxMargin = 500 * time.Millisecond
)

// WithDeadlines gives a caller 31 seconds to send a request, and as much again to take the answer. A [Handler] does so
// by itself; this is for what else its server has to say, be it "not found": net/http reads what is left of a body
// after the handler, and without a deadline waits for it as long as the caller wishes. The server has to set deadlines
// of its own for TLS handshakes, headers and idle connections, as controller-runtime's webhook server does.
func WithDeadlines(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		setDeadlines(w, time.Now())
		next.ServeHTTP(w, r)
	})
}

// setDeadlines sets the deadlines of one request. The server replaces that for reading when the request has ended, and
// no review takes as long. Writers that have no deadlines, as in tests, do without.
func setDeadlines(w http.ResponseWriter, start time.Time) {
	controller := http.NewResponseController(w)
	_ = controller.SetReadDeadline(start.Add(maxTimeout + time.Second))
	_ = controller.SetWriteDeadline(start.Add(2 * (maxTimeout + time.Second)))
}

// budgetOf is the time that checks may take: the timeout in the URL, where the API server puts what is left of
// timeoutSeconds, less a tenth of it or half a second. An answer that comes at the very end of the timeout comes too
// late, and the user would read "context deadline exceeded" where we could have named the check at fault.
func budgetOf(u *url.URL) time.Duration {
	text, usual := strings.CutPrefix(u.RawQuery, "timeout=") // which is all that the API server says
	if !usual || strings.ContainsAny(text, "&%+") {
		text = u.Query().Get("timeout")
	}
	timeout, err := time.ParseDuration(text)
	if err != nil {
		timeout = defaultTimeout
	}
	timeout = min(max(timeout, minTimeout), maxTimeout)
	return timeout - min(timeout/10, maxMargin)
}
