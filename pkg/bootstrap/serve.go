// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package bootstrap

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/go-logr/logr"
	"golang.org/x/sync/errgroup"
	"k8s.io/klog/v2"

	"github.com/hookstrap/hookstrap/internal/lifecycle"
	"github.com/hookstrap/hookstrap/pkg/bootstrap/listener"
)

const (
	// serverShutdown bounds the wait for reviews in flight, as in controller-runtime.
	serverShutdown = time.Minute
	// acceptAfter is when connections of a held listener are accepted without a certificate, so that each fails and its
	// reason is logged. Before that they wait for the certificate: some may have come while no server was running.
	acceptAfter = 2 * time.Second
)

// Start runs the server until ctx ends and it has drained, and then returns nil. An error means that it could not
// listen, or that requests stayed unanswered at the end. It is called once; a manager does it after [Server.AddTo].
func (s *Server) Start(ctx context.Context) error {
	s.unstarted.Stop()
	ctx = s.logging(ctx)
	// What serves outlives ctx: admission ends when the drainer says so, all else when the last request is answered.
	serving, end := context.WithCancel(context.WithoutCancel(ctx))
	defer end()
	group, serving := errgroup.WithContext(serving)
	admission, stop := context.WithCancel(serving)
	defer stop()
	probes, err := s.boot.ListenProbes(serving, ProbeOptions{
		HealthAddress: enabled(s.options.HealthAddress), MetricsAddress: enabled(s.options.MetricsAddress),
		MetricsSecure: s.options.MetricsSecure, Gatherer: s.options.Gatherer,
		Conditions: append(s.conditions, s.drainer.Condition()),
	})
	if err != nil {
		return err
	}
	group.Go(func() error { return s.boot.Start(serving) })
	group.Go(func() error { return probes.Start(serving) })
	group.Go(func() error { return s.serve(admission, group) })
	group.Go(func() error {
		defer end()
		return s.drain(ctx, serving, stop)
	})
	if err := group.Wait(); err != nil && !errors.Is(err, context.Canceled) {
		return err
	}
	return nil
}

// drain waits for the end of ctx and then drains. A server that has failed leaves nothing to drain.
func (s *Server) drain(ctx, serving context.Context, stop func()) error {
	select {
	case <-ctx.Done():
		return s.drainer.Run(ctx, stop)
	case <-serving.Done():
		return nil
	}
}

// serve answers the API server until ctx ends.
func (s *Server) serve(ctx context.Context, group *errgroup.Group) error {
	l, err := s.listen(ctx, group)
	if err != nil {
		return fmt.Errorf("listening for admission: %w", err)
	}
	s.boot.listensAt(l.Addr().String())
	cfg := &tls.Config{MinVersion: tls.VersionTLS13} // The Bootstrapper's settings come last.
	s.boot.TLSOption(cfg)
	server := lifecycle.NewServer(ctx, l, s.drainer.Middleware(s.mux), lifecycle.ServerOptions{
		Name: "admission", TLS: cfg, MaxConnections: s.options.MaxConnections, ShutdownTimeout: serverShutdown,
		ErrorLog: s.boot.ErrorLog(klog.FromContext(ctx)),
	})
	s.boot.Measure(server)
	s.listening.Store(true)
	return server.Serve(ctx)
}

// listen returns the listener of the options. The group shares a held one with its holder.
func (s *Server) listen(ctx context.Context, group *errgroup.Group) (net.Listener, error) {
	switch {
	case s.options.Listen != nil:
		return s.options.Listen(ctx)
	case s.options.ListenerSocket == "":
		return new(net.ListenConfig).Listen(ctx, "tcp", s.options.Address)
	}
	l, err := listener.Acquire(ctx, listener.Options{Socket: s.options.ListenerSocket, Address: s.options.Address})
	if err != nil {
		return nil, err
	}
	group.Go(func() error {
		l.Share(ctx)
		return nil
	})
	select {
	case <-s.boot.Served():
	case <-time.After(acceptAfter):
	case <-ctx.Done():
	}
	return l, nil
}

// logging is ctx with the logger of the options, else its own, else the manager's.
func (s *Server) logging(ctx context.Context) context.Context {
	ctx = s.boot.options.logging(ctx)
	if _, err := logr.FromContext(ctx); err != nil && s.logger.Load() != nil {
		return klog.NewContext(ctx, *s.logger.Load())
	}
	return ctx
}
