// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package bootstrap_test

import (
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/hookstrap/hookstrap/pkg/bootstrap"
	"github.com/hookstrap/hookstrap/test/pairs"
)

// closeListener says when it is closed.
type closeListener struct {
	net.Listener
	closed func()
}

func (l closeListener) Close() error {
	l.closed()
	return l.Listener.Close()
}

func listenLocally(t *testing.T) net.Listener {
	t.Helper()
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// get is the error of a request on a connection of its own.
func get(ctx context.Context, url string) error {
	transport := &http.Transport{DisableKeepAlives: true, TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return err
	}
	response, err := transport.RoundTrip(r)
	if err != nil {
		return err
	}
	return response.Body.Close()
}

// While requests are answered that were in flight at the end, the probes are answered too: a kubelet that hears nothing
// would kill the server.
func TestProbesOutliveTheRequestsInFlight(t *testing.T) {
	dir, pair := t.TempDir(), pairs.SelfSigned(t, "web.shop.svc")
	key, err := pair.KeyPEM()
	if err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string][]byte{"tls.crt": pair.CertPEM(), "ca.crt": pair.CertPEM(), "tls.key": key} {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	free := listenLocally(t)
	health := free.Addr().String()
	_ = free.Close() // The server listens there.
	admission, closed := listenLocally(t), make(chan struct{})
	srv := newServer(t, func(o *bootstrap.Options) {
		o.Source, o.CertDir, o.WebhookConfigurations, o.ExternalTrust = bootstrap.SourceFiles, dir, nil, true
		o.Server.HealthAddress = health
		o.Server.Listen = func(context.Context) (net.Listener, error) {
			return closeListener{admission, sync.OnceFunc(func() { close(closed) })}, nil
		}
	})
	inFlight, release := make(chan struct{}), make(chan struct{})
	srv.Register("/slow", http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		close(inFlight)
		<-release
	}))
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	ended, answered := make(chan error, 1), make(chan error, 1)
	go func() { ended <- srv.Start(ctx) }()
	<-srv.Bootstrapper().Served()
	go func() { answered <- get(t.Context(), "https://"+admission.Addr().String()+"/slow") }()
	<-inFlight
	stop()
	<-closed
	for range 20 {
		if err := get(t.Context(), "http://"+health+"/healthz"); err != nil {
			t.Errorf("while a request is in flight: %v", err)
			break
		}
	}
	close(release)
	if err := <-answered; err != nil {
		t.Errorf("the request in flight: %v", err)
	}
	if err := <-ended; err != nil {
		t.Errorf("Start: %v", err)
	}
}
