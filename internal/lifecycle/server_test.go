// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package lifecycle_test

import (
	"bytes"
	"context"
	"errors"
	"net"
	"net/http"
	"strings"
	"syscall"
	"testing"

	"k8s.io/klog/v2"
	"k8s.io/klog/v2/ktesting"
	"k8s.io/klog/v2/textlogger"

	"github.com/hookstrap/hookstrap/internal/lifecycle"
)

func TestServer(t *testing.T) {
	_, ctx := ktesting.NewTestContext(t)
	ctx, cancel := context.WithCancel(ctx)
	server, err := lifecycle.Listen(ctx, "health", "127.0.0.1:0", lifecycle.HealthzHandler())
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- server.Serve(ctx) }()

	client := &http.Client{Transport: &http.Transport{}}
	defer client.CloseIdleConnections()
	url := "http://" + server.Addr().String() + "/healthz"
	if response, _ := post(t, client, url); response.StatusCode != http.StatusMethodNotAllowed {
		t.Errorf("status %d, want the answer of the handler", response.StatusCode)
	}

	cancel()
	if err := <-done; err != nil {
		t.Errorf("an orderly end is no error: %v", err)
	}
	var dialer net.Dialer
	if conn, err := dialer.DialContext(t.Context(), "tcp", server.Addr().String()); err == nil {
		_ = conn.Close()
		t.Error("the port is still open")
	}
}

func TestServeAfterTheEnd(t *testing.T) {
	_, ctx := ktesting.NewTestContext(t)
	ctx, cancel := context.WithCancel(ctx)
	cancel()
	server, err := lifecycle.Listen(t.Context(), "health", "127.0.0.1:0", lifecycle.HealthzHandler())
	if err != nil {
		t.Fatal(err)
	}
	if err := server.Serve(ctx); err != nil {
		t.Error(err)
	}
}

func TestListenErrors(t *testing.T) {
	_, ctx := ktesting.NewTestContext(t)
	taken, err := lifecycle.Listen(ctx, "health", "127.0.0.1:0", lifecycle.HealthzHandler())
	if err != nil {
		t.Fatal(err)
	}
	ended, cancel := context.WithCancel(ctx)
	cancel()
	defer func() { _ = taken.Serve(ended) }() // closes it

	// It returns, though the context never ends.
	_, err = lifecycle.Listen(ctx, "metrics", taken.Addr().String(), http.NotFoundHandler())
	if !errors.Is(err, syscall.EADDRINUSE) {
		t.Errorf("error %v, want EADDRINUSE", err)
	}
	for _, fragment := range []string{"metrics", taken.Addr().String(), "choose another address"} {
		if err == nil || !strings.Contains(err.Error(), fragment) {
			t.Errorf("the error does not say %q: %v", fragment, err)
		}
	}
	if _, err := lifecycle.Listen(ctx, "metrics", "no port", http.NotFoundHandler()); err == nil {
		t.Error("an address without a port was accepted")
	}
}

// TestServerLogs: what net/http has to say comes out structured and at a level
// that no one sees by default.
func TestServerLogs(t *testing.T) {
	var buffer bytes.Buffer
	config := textlogger.NewConfig(textlogger.Output(&buffer), textlogger.Verbosity(2))
	ctx, cancel := context.WithCancel(klog.NewContext(t.Context(), textlogger.NewLogger(config)))
	server, err := lifecycle.Listen(ctx, "metrics", "127.0.0.1:0", http.HandlerFunc(
		func(_ http.ResponseWriter, r *http.Request) {
			klog.FromContext(r.Context()).Info("In the handler")
			panic("a fault")
		}))
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- server.Serve(ctx) }()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+server.Addr().String(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if response, err := http.DefaultClient.Do(request); err == nil {
		_ = response.Body.Close()
		t.Error("the panicking handler answered")
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
	for _, fragment := range []string{`"In the handler" server="metrics"`, `"HTTP server" server="metrics"`, "a fault"} {
		if !strings.Contains(buffer.String(), fragment) {
			t.Errorf("the log does not say %s:\n%s", fragment, buffer.String())
		}
	}
}
