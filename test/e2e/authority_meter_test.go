// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build authority

package e2e

import (
	"context"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"k8s.io/client-go/rest"

	"github.com/hookstrap/hookstrap/test/e2e/cluster/clustertest"
	"github.com/hookstrap/hookstrap/test/e2e/process"
)

// meter is a proxy between one process and the API server, which counts the requests and the bytes of their bodies, as
// they travel: compressed, if they are.
type meter struct {
	server          *httptest.Server
	requests, bytes atomic.Int64

	mu    sync.Mutex
	kinds map[string]int // of requests
	last  time.Time      // when there was one
}

// newMeter starts one in front of the API server that cfg reaches.
func newMeter(t *testing.T, cfg *rest.Config) *meter {
	t.Helper()
	target, err := url.Parse(cfg.Host)
	must(t, err)
	transport, err := rest.TransportFor(rest.AnonymousClientConfig(cfg))
	must(t, err)
	m := &meter{kinds: map[string]int{}}
	forward := &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(target) }, Transport: transport,
		FlushInterval: -1, // Watches are streams.
		ModifyResponse: func(answer *http.Response) error {
			answer.Body = counted{answer.Body, &m.bytes}
			return nil
		},
	}
	m.server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		m.requests.Add(1)
		m.note(r)
		r.Body = counted{r.Body, &m.bytes}
		forward.ServeHTTP(w, r)
	}))
	m.server.EnableHTTP2 = true
	m.server.StartTLS()
	t.Cleanup(func() {
		m.server.CloseClientConnections() // Close would wait for the watches.
		m.server.Close()
	})
	return m
}

func (m *meter) note(r *http.Request) {
	resource, _, subresource := resourceOf(r.URL.Path)
	m.mu.Lock()
	defer m.mu.Unlock()
	m.kinds[r.Method+" "+resource+" "+subresource]++
	m.last = time.Now()
}

// awaitQuiet waits until there was no request for two seconds.
func (m *meter) awaitQuiet(t *testing.T) {
	t.Helper()
	clustertest.EventuallyWithin(t, 5*time.Minute, func(context.Context) error {
		m.mu.Lock()
		defer m.mu.Unlock()
		if since := time.Since(m.last); since < 2*time.Second {
			return fmt.Errorf("there was a request %s ago", since)
		}
		return nil
	})
}

// log prints how many requests of each kind there were.
func (m *meter) log(t *testing.T) {
	t.Helper()
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, kind := range slices.Sorted(maps.Keys(m.kinds)) {
		t.Logf("%5d %s", m.kinds[kind], kind)
	}
}

// config is cfg, through the meter; or, with DIRECT in the environment, past it: what it counts is nothing then, and what
// is left on two processors is for the rest.
func (m *meter) config(cfg *rest.Config) *rest.Config {
	cfg = rest.CopyConfig(cfg)
	if os.Getenv("DIRECT") != "" {
		return cfg
	}
	cfg.Host = m.server.URL
	cfg.CAData = encode("CERTIFICATE", m.server.Certificate().Raw)
	return cfg
}

// counted adds up what is read of a body.
type counted struct {
	io.ReadCloser

	bytes *atomic.Int64
}

// Read implements [io.Reader].
func (c counted) Read(p []byte) (int, error) {
	n, err := c.ReadCloser.Read(p)
	c.bytes.Add(int64(n))
	return n, err
}

// costs are what a process has cost since it was started, or between two moments.
type costs struct {
	at              time.Time
	took            time.Duration
	requests, bytes int64
	cpu             time.Duration
	peak            int64 // the most memory since the start, in bytes
}

func (m *meter) read(t *testing.T, of *process.Server) costs {
	t.Helper()
	peak, err := of.PeakMemory()
	must(t, err)
	return costs{at: time.Now(), requests: m.requests.Load(), bytes: m.bytes.Load(), cpu: processorTimeOf(t, of.PID()), peak: peak}
}

// since is what was added to earlier costs by something that took that long.
func (c costs) since(earlier costs, took time.Duration) costs {
	c.took, c.requests, c.bytes, c.cpu = took, c.requests-earlier.requests, c.bytes-earlier.bytes, c.cpu-earlier.cpu
	return c
}

// String is a row of a table.
func (c costs) String() string {
	return fmt.Sprintf("%6.2f s  %5d requests  %6.2f MB  %5.2f CPU s  peak %3.0f MB", c.took.Seconds(), c.requests,
		float64(c.bytes)/1e6, c.cpu.Seconds(), float64(c.peak)/1e6)
}
