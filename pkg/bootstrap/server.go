// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package bootstrap

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"sync/atomic"
	"time"

	"k8s.io/klog/v2"
	"sigs.k8s.io/controller-runtime/pkg/healthz"
	"sigs.k8s.io/controller-runtime/pkg/webhook"

	"github.com/hookstrap/hookstrap/internal/lifecycle"
)

const (
	// DefaultAddress is where a [Server] listens by default.
	DefaultAddress = ":9443"
	// DefaultMaxConnections is how many connections a [Server] has open at a time by default. With their handshakes and
	// headers they take less than 100 MiB of memory in the worst case.
	DefaultMaxConnections = 1000

	// serverShutdown bounds the wait for reviews in flight, as in controller-runtime.
	serverShutdown = time.Minute
)

// ServerOptions configures a [Server]. The zero value has defaults for everything.
type ServerOptions struct {
	// Address is the host:port to listen on; the default is [DefaultAddress].
	Address string
	// Listen makes the listener, if something else than Address is to be listened on. An error ends the server.
	Listen func(ctx context.Context) (net.Listener, error)
	// MaxConnections is how many connections are open at a time; the default is [DefaultMaxConnections]. See
	// [lifecycle.ServerOptions].
	MaxConnections int
}

// Server is a webhook server for controller-runtime's manager, as webhook.NewServer makes one, with the certificate of
// a Bootstrapper and bounds for what its connections can cost: see [lifecycle.Server]. Requests in flight when it ends
// are answered, within a minute.
type Server struct {
	webhook.Server // Register and WebhookMux

	boot      *Bootstrapper
	options   ServerOptions
	mux       *http.ServeMux
	listening atomic.Bool
}

var _ webhook.Server = &Server{}

// NewServer returns a server that serves what the Bootstrapper has. Before the first certificate every handshake fails.
// The metrics of its connections are among those of the Bootstrapper.
func (b *Bootstrapper) NewServer(o ServerOptions) *Server {
	o.Address = cmp.Or(o.Address, DefaultAddress)
	o.MaxConnections = cmp.Or(o.MaxConnections, DefaultMaxConnections)
	if o.Listen == nil {
		o.Listen = func(ctx context.Context) (net.Listener, error) {
			var config net.ListenConfig
			return config.Listen(ctx, "tcp", o.Address)
		}
	}
	b.listensAt(o.Address)
	mux := http.NewServeMux()
	return &Server{Server: webhook.NewServer(webhook.Options{WebhookMux: mux}), boot: b, options: o, mux: mux}
}

// listensAt notes where our own server listens, for readiness to shake hands with it, unless Options.SelfAddress says
// so.
func (b *Bootstrapper) listensAt(address string) {
	host, port, err := net.SplitHostPort(address)
	if err != nil || b.options.Sidecar || b.selfGiven {
		return
	}
	if ip, err := netip.ParseAddr(host); host == "" || err == nil && ip.IsUnspecified() {
		host = "127.0.0.1" // Which such a listener takes as well, whatever the families of the pod are.
	}
	address = net.JoinHostPort(host, port)
	b.listens.Store(&address)
}

// selfAddress is where our own listener is, or the other container's; "" if that is not known.
func (b *Bootstrapper) selfAddress() string {
	if address := b.listens.Load(); address != nil {
		return *address
	}
	return b.options.SelfAddress
}

// WebhookMux is where [Server.Register] registers handlers.
func (s *Server) WebhookMux() *http.ServeMux { return s.mux }

// Start serves until ctx ends, and then returns nil. It is called once.
func (s *Server) Start(ctx context.Context) error {
	l, err := s.options.Listen(ctx)
	if err != nil {
		return fmt.Errorf("listening for admission: %w", err)
	}
	s.boot.listensAt(l.Addr().String())
	cfg := &tls.Config{MinVersion: tls.VersionTLS13} // The Bootstrapper has the last word.
	s.boot.TLSOption(cfg)
	server := lifecycle.NewServer(ctx, l, s.mux, lifecycle.ServerOptions{
		Name: "admission", TLS: cfg, MaxConnections: s.options.MaxConnections, ShutdownTimeout: serverShutdown,
		ErrorLog: s.boot.ErrorLog(klog.FromContext(ctx)),
	})
	s.boot.Measure(server)
	s.listening.Store(true)
	return server.Serve(ctx)
}

// StartedChecker returns a check that succeeds once the server listens.
func (s *Server) StartedChecker() healthz.Checker {
	return func(*http.Request) error {
		if !s.listening.Load() {
			return errors.New("the webhook server does not listen yet")
		}
		return nil
	}
}

// Measure adds the connections of a server to the Bootstrapper's metrics, under the server's name. A [Server] does so
// by itself.
func (b *Bootstrapper) Measure(server *lifecycle.Server) { b.report.Measure(server) }
