// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"

	"k8s.io/client-go/rest"
)

// moment is a point in the life of one request.
type moment string

const (
	// beforeIt: the API server has not seen the request.
	beforeIt moment = "before"
	// afterIt: the API server has answered, and its client has not seen the answer.
	afterIt moment = "after"
)

// errCut ends a request whose client is gone.
var errCut = errors.New("the proxy has cut the connection")

// proxy stands between one server and the API server. It passes everything on, watches as they come, records what
// writes, and calls the hook at both moments of each write. Requests that the hook cuts end without an answer.
type proxy struct {
	server *httptest.Server

	mu     sync.Mutex
	writes []string
	// hook says whether to cut the connection; nil never does. It is called without the lock.
	hook func(write string, at moment) (cut bool)
}

// newProxy starts a proxy in front of the API server that cfg reaches.
func newProxy(t testing.TB, cfg *rest.Config) *proxy {
	t.Helper()
	target, err := url.Parse(cfg.Host)
	must(t, err)
	transport, err := rest.TransportFor(rest.AnonymousClientConfig(cfg))
	must(t, err)
	p := &proxy{}
	forward := &httputil.ReverseProxy{
		Rewrite:        func(r *httputil.ProxyRequest) { r.SetURL(target) },
		Transport:      transport,
		FlushInterval:  -1, // Watches are streams.
		ModifyResponse: func(answer *http.Response) error { return p.pass(answer.Request, afterIt) },
		ErrorHandler:   func(http.ResponseWriter, *http.Request, error) { panic(http.ErrAbortHandler) },
		ErrorLog:       slog.NewLogLogger(slog.DiscardHandler, slog.LevelError),
	}
	p.server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p.record(r)
		if p.pass(r, beforeIt) != nil {
			panic(http.ErrAbortHandler)
		}
		forward.ServeHTTP(w, r)
	}))
	p.server.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	p.server.EnableHTTP2 = true
	p.server.StartTLS()
	t.Cleanup(func() {
		p.server.CloseClientConnections() // Close would wait for the watches.
		p.server.Close()
	})
	return p
}

// config is cfg, through the proxy.
func (p *proxy) config(cfg *rest.Config) *rest.Config {
	cfg = rest.CopyConfig(cfg)
	cfg.Host = p.server.URL
	cfg.CAData = encode("CERTIFICATE", p.server.Certificate().Raw)
	return cfg
}

// intervene makes the proxy call hook from now on, and forgets what was recorded.
func (p *proxy) intervene(hook func(write string, at moment) (cut bool)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.hook, p.writes = hook, nil
}

// recorded are the writes since the last call of intervene.
func (p *proxy) recorded() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.writes)
}

func (p *proxy) record(r *http.Request) {
	if write := describeWrite(r); write != "" {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.writes = append(p.writes, write)
	}
}

// pass asks the hook about a request; only writes are its business.
func (p *proxy) pass(r *http.Request, at moment) error {
	write := describeWrite(r)
	p.mu.Lock()
	hook := p.hook
	p.mu.Unlock()
	if write != "" && hook != nil && hook(write, at) {
		return errCut
	}
	return nil
}

// describeWrite names what a request writes, without the objects' names: "PUT certificatesigningrequests/approval". It
// is "" for what only reads, and for events, which are news and no state.
func describeWrite(r *http.Request) string {
	if r.Method != http.MethodPost && r.Method != http.MethodPut && r.Method != http.MethodPatch {
		return ""
	}
	switch resource, _, subresource := resourceOf(r.URL.Path); {
	case resource == "" || resource == "events":
		return ""
	case subresource != "":
		return r.Method + " " + resource + "/" + subresource
	default:
		return r.Method + " " + resource
	}
}

// resourceOf takes a request's path apart: /api/v1/... or /apis/GROUP/VERSION/..., then namespaces/NAMESPACE for what
// has one, then RESOURCE/NAME/SUBRESOURCE. What is not there is "".
func resourceOf(path string) (resource, name, subresource string) {
	parts := strings.Split(strings.Trim(path, "/"), "/")
	skip := 2
	if parts[0] == "apis" {
		skip = 3
	}
	parts = parts[min(skip, len(parts)):]
	if len(parts) > 2 && parts[0] == "namespaces" {
		parts = parts[2:]
	}
	parts = append(parts, "", "", "")
	return parts[0], parts[1], parts[2]
}
