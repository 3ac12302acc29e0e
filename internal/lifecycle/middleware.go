// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package lifecycle

import (
	"context"
	"net/http"
)

// Middleware counts the requests in flight and, once draining began, marks answers with "Connection: close", those to
// earlier requests too. Over HTTP/1.1, which the API server always uses for webhooks behind a Service, this makes it
// open the next connection elsewhere instead of reusing this one until it breaks (kubernetes#127335). Over HTTP/2
// net/http turns it into GOAWAY.
//
// The handler gets a context that the server's shutdown does not cancel. controller-runtime's webhook server derives
// the context of each request from the one whose end makes it shut down, so that without this the requests it patiently
// waits for would all fail at that very moment. The price is that a caller who hangs up is not noticed either: the
// handler must bring a deadline of its own.
func (d *Drainer) Middleware(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		d.inFlight.Add(1)
		defer d.end()
		marker := &closeMarker{ResponseWriter: w, drainer: d}
		next.ServeHTTP(marker, r.WithContext(context.WithoutCancel(r.Context())))
		marker.mark() // a handler that wrote nothing gets its header written after this
	})
}

// closeMarker decides about "Connection: close" at the last possible moment, when the header is about to be written.
type closeMarker struct {
	http.ResponseWriter
	drainer *Drainer
}

func (m *closeMarker) mark() {
	if m.drainer.Draining() {
		m.Header().Set("Connection", "close")
	}
}

// WriteHeader implements [http.ResponseWriter].
func (m *closeMarker) WriteHeader(status int) {
	m.mark()
	m.ResponseWriter.WriteHeader(status)
}

// Write implements [http.ResponseWriter].
func (m *closeMarker) Write(b []byte) (int, error) {
	m.mark()
	return m.ResponseWriter.Write(b)
}

// FlushError is found by [http.ResponseController], and writes the header too.
func (m *closeMarker) FlushError() error {
	m.mark()
	return http.NewResponseController(m.ResponseWriter).Flush()
}

// Unwrap lets [http.ResponseController] find the methods not listed here.
func (m *closeMarker) Unwrap() http.ResponseWriter {
	return m.ResponseWriter
}
