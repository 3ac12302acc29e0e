// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package command

import (
	"context"
	"fmt"
	"net"
	"strconv"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/hookstrap/hookstrap/pkg/bootstrap"
	"github.com/hookstrap/hookstrap/pkg/bootstrap/listener"
)

// acceptAfter is when connections are accepted without a certificate, so that each fails and its reason is logged.
// Before that they wait for the certificate: a server that takes its listener over finds some that came meanwhile.
const acceptAfter = 2 * time.Second

// newAdmission returns the server of reviews: with a listener of its own, or with one that is held elsewhere.
func newAdmission(o *serveOptions, boot *bootstrap.Bootstrapper, group *errgroup.Group) *bootstrap.Server {
	options := bootstrap.ServerOptions{Address: o.admissionAddress()}
	if o.listenerSocket != "" {
		options.Listen = func(ctx context.Context) (net.Listener, error) { return acquire(ctx, o, boot, group) }
	}
	return boot.NewServer(options)
}

// serveAdmission serves until ctx ends.
func serveAdmission(ctx context.Context, o *serveOptions, server *bootstrap.Server) error {
	if err := server.Start(ctx); err != nil {
		return fmt.Errorf("serving admission on --bind-address %s --secure-port %d: %w", o.bindAddress, o.securePort, err)
	}
	return nil
}

// acquire returns the listener of a holder once there is a certificate to serve, or late. The group shares it.
func acquire(
	ctx context.Context, o *serveOptions, boot *bootstrap.Bootstrapper, group *errgroup.Group,
) (net.Listener, error) {
	l, err := listener.Acquire(ctx, listener.Options{Socket: o.listenerSocket, Address: o.admissionAddress()})
	if err != nil {
		return nil, err
	}
	group.Go(func() error {
		l.Share(ctx)
		return nil
	})
	select {
	case <-boot.Served():
	case <-time.After(acceptAfter):
	case <-ctx.Done():
	}
	return l, nil
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
