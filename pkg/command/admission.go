// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package command

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"strconv"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/webhook"

	"github.com/hookstrap/hookstrap/pkg/bootstrap"
	"github.com/hookstrap/hookstrap/pkg/bootstrap/listener"
)

// acceptAfter is when connections are accepted without a certificate, so that each fails and its reason is logged.
// Before that they wait for the certificate: a server that takes its listener over finds some that came meanwhile.
const acceptAfter = 2 * time.Second

// serveAdmission serves until ctx ends: with controller-runtime's own listener, or with one that is held elsewhere.
func serveAdmission(ctx context.Context, o *serveOptions, boot *bootstrap.Bootstrapper, server webhook.Server) error {
	serve := server.Start
	if o.listenerSocket != "" {
		serve = func(ctx context.Context) error { return serveHeld(ctx, o, boot, server) }
	}
	if err := serve(ctx); err != nil {
		return fmt.Errorf("serving admission on --bind-address %s --secure-port %d: %w", o.bindAddress, o.securePort, err)
	}
	return nil
}

// serveHeld does what server.Start does, with the listener of a holder.
func serveHeld(ctx context.Context, o *serveOptions, boot *bootstrap.Bootstrapper, server webhook.Server) error {
	l, err := listener.Acquire(ctx, listener.Options{Socket: o.listenerSocket, Address: o.admissionAddress()})
	if err != nil {
		return err
	}
	sharing := make(chan struct{})
	go func() {
		defer close(sharing)
		l.Share(ctx)
	}()
	defer func() { <-sharing }()
	select {
	case <-boot.Served():
	case <-time.After(acceptAfter):
	case <-ctx.Done():
	}
	cfg := &tls.Config{MinVersion: tls.VersionTLS13} // The Bootstrapper has the last word.
	boot.TLSOption(cfg)
	return listener.Serve(ctx, tls.NewListener(l, cfg), server.WebhookMux())
}

// listenOptions are where admission is served, which serve and listen have to agree upon.
type listenOptions struct {
	bindAddress    string
	securePort     int
	listenerSocket string
}

func newListenOptions() listenOptions {
	return listenOptions{bindAddress: "0.0.0.0", securePort: 9443}
}

func (o *listenOptions) admissionAddress() string {
	return net.JoinHostPort(o.bindAddress, strconv.Itoa(o.securePort))
}
