// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package handler

import (
	"net/http"
	"time"
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
