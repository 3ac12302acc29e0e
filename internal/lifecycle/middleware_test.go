// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package lifecycle_test

import (
	"context"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"testing"
	"time"

	"k8s.io/klog/v2/ktesting"

	"github.com/hookstrap/hookstrap/internal/lifecycle"
)

// draining returns a drainer after its signal.
func draining(t *testing.T) *lifecycle.Drainer {
	t.Helper()
	_, ctx := ktesting.NewTestContext(t)
	ctx, cancel := context.WithCancel(ctx)
	cancel()
	drainer := &lifecycle.Drainer{}
	if err := drainer.Run(ctx, func() {}); err != nil {
		t.Fatal(err)
	}
	return drainer
}

// post sends a request and reports whether it went over a used connection.
func post(t *testing.T, client *http.Client, url string) (response *http.Response, reused bool) {
	t.Helper()
	ctx := httptrace.WithClientTrace(t.Context(), &httptrace.ClientTrace{
		GotConn: func(info httptrace.GotConnInfo) { reused = info.Reused },
	})
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	response, err = client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if _, err := io.Copy(io.Discard, response.Body); err != nil {
		t.Fatal(err)
	}
	return response, reused
}

// TestConnectionClose covers every way in which a handler gets its header out.
func TestConnectionClose(t *testing.T) {
	handlers := map[string]http.HandlerFunc{
		"nothing":     func(http.ResponseWriter, *http.Request) {},
		"WriteHeader": func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusAccepted) },
		"Write":       func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("answer")) },
		"Flush": func(w http.ResponseWriter, _ *http.Request) {
			if err := http.NewResponseController(w).Flush(); err != nil {
				panic(err)
			}
		},
	}
	for name, handler := range handlers {
		t.Run(name, func(t *testing.T) {
			serving := httptest.NewServer((&lifecycle.Drainer{}).Middleware(handler))
			defer serving.Close()
			if response, _ := post(t, serving.Client(), serving.URL); response.Close {
				t.Error("a connection is closed in normal operation")
			}
			if _, reused := post(t, serving.Client(), serving.URL); !reused {
				t.Error("the connection was not kept alive in normal operation")
			}

			stopping := httptest.NewServer(draining(t).Middleware(handler))
			defer stopping.Close()
			if response, _ := post(t, stopping.Client(), stopping.URL); !response.Close {
				t.Error("the answer lacks Connection: close")
			}
			if _, reused := post(t, stopping.Client(), stopping.URL); reused {
				t.Error("the connection was used again")
			}
		})
	}
}

// TestMiddlewareUnwraps: less common abilities of the writer stay reachable.
func TestMiddlewareUnwraps(t *testing.T) {
	handler := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if err := http.NewResponseController(w).SetWriteDeadline(time.Time{}); err != nil {
			t.Error(err)
		}
	})
	server := httptest.NewServer((&lifecycle.Drainer{}).Middleware(handler))
	defer server.Close()
	post(t, server.Client(), server.URL)
}

// TestConnectionCloseOverHTTP2: there it becomes a GOAWAY.
func TestConnectionCloseOverHTTP2(t *testing.T) {
	drainer := &lifecycle.Drainer{}
	server := httptest.NewUnstartedServer(drainer.Middleware(http.NotFoundHandler()))
	server.EnableHTTP2 = true
	server.TLS = &tls.Config{MinVersion: tls.VersionTLS13}
	server.StartTLS()
	defer server.Close()

	post(t, server.Client(), server.URL)
	response, reused := post(t, server.Client(), server.URL)
	if response.ProtoMajor != 2 || !reused {
		t.Fatalf("in normal operation: %s, reused %v", response.Proto, reused)
	}

	_, ctx := ktesting.NewTestContext(t)
	ctx, cancel := context.WithCancel(ctx)
	cancel()
	if err := drainer.Run(ctx, func() {}); err != nil {
		t.Fatal(err)
	}
	// GOAWAY travels beside the answer: a few requests may still get in before.
	for range 1000 {
		if _, reused = post(t, server.Client(), server.URL); !reused {
			return
		}
	}
	t.Error("the connection is used on and on")
}

// TestShutdownDoesNotCancelRequests has a server built like the one in
// controller-runtime: its end and its requests hang on one context.
func TestShutdownDoesNotCancelRequests(t *testing.T) {
	_, logged := ktesting.NewTestContext(t)
	serving, stop := context.WithCancel(logged)
	signaled, signal := context.WithCancel(logged)
	drainer := lifecycle.NewDrainer(0)

	entered, stopped := make(chan struct{}), make(chan struct{})
	server := httptest.NewUnstartedServer(drainer.Middleware(http.HandlerFunc(
		func(w http.ResponseWriter, r *http.Request) {
			close(entered)
			<-stopped
			if err := r.Context().Err(); err != nil {
				t.Errorf("the shutdown reached the handler: %v", err)
			}
			if r.Context().Value(http.ServerContextKey) == nil {
				t.Error("the values of the request's context are lost")
			}
			w.WriteHeader(http.StatusTeapot)
		})))
	server.Config.BaseContext = func(net.Listener) context.Context { return serving }
	server.Start()
	defer server.Close()

	done := make(chan error, 1)
	go func() {
		done <- drainer.Run(signaled, func() {
			stop()
			close(stopped)
		})
	}()
	go func() {
		<-entered
		signal()
	}()
	if response, _ := post(t, server.Client(), server.URL); response.StatusCode != http.StatusTeapot {
		t.Errorf("status %d", response.StatusCode)
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
}
