// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package lifecycle

import (
	"context"
	"errors"
	"fmt"
	"log"
	"net"
	"net/http"
	"strings"
	"time"

	"k8s.io/klog/v2"
)

// serverShutdown bounds the graceful end of a [Server]: probes and scrapes are
// short, and whoever is in the middle of one will repeat it.
const serverShutdown = 5 * time.Second

// Server is a plain HTTP server for health and metrics, bound to its address
// but not yet serving.
type Server struct {
	name     string
	listener net.Listener
	server   *http.Server
}

// Listen binds address, a "host:port" as [net.Listen] takes it, and so finds out
// about a port in use before the program goes on. name appears in errors and
// logs, for example "health". After Listen call [Server.Serve], which
// closes the listener.
func Listen(ctx context.Context, name, address string, handler http.Handler) (*Server, error) {
	var config net.ListenConfig
	listener, err := config.Listen(ctx, "tcp", address)
	if err != nil {
		return nil, fmt.Errorf("listening on %q for %s: %w: free the port or choose another address", address, name, err)
	}
	logger := klog.FromContext(ctx).WithValues("server", name)
	return &Server{
		name:     name,
		listener: listener,
		server: &http.Server{
			Handler: handler,
			// The peers are probes and scrapers. Writing may take long where a
			// profile is served next to the metrics, 30 s by default.
			ReadHeaderTimeout: 10 * time.Second,
			ReadTimeout:       30 * time.Second,
			WriteTimeout:      90 * time.Second,
			IdleTimeout:       90 * time.Second,
			MaxHeaderBytes:    64 << 10,
			ErrorLog:          log.New(errorLog{logger}, "", 0), //nolint:forbidigo // It ends in klog.
			// The logger is wanted, a cancellation in the middle of an answer not.
			BaseContext: func(net.Listener) context.Context {
				return klog.NewContext(context.WithoutCancel(ctx), logger)
			},
		},
	}, nil
}

// Addr is the address that was bound, with the port chosen if it was 0.
func (s *Server) Addr() net.Addr { return s.listener.Addr() }

// Serve answers requests until ctx ends, then finishes those it is at within
// five seconds, and returns nil. An error means that serving broke off by
// itself. Serve is called once.
func (s *Server) Serve(ctx context.Context) error {
	logger := klog.FromContext(ctx)
	logger.V(1).Info("Serving", "server", s.name, "address", s.Addr().String())

	done := make(chan struct{})
	unhook := context.AfterFunc(ctx, func() {
		defer close(done)
		s.shutdown(context.WithoutCancel(ctx))
	})
	err := s.server.Serve(s.listener)
	if errors.Is(err, http.ErrServerClosed) {
		<-done
		return nil
	}
	unhook()
	return fmt.Errorf("serving %s on %s: %w", s.name, s.Addr(), err)
}

// shutdown lets requests finish for a while, then cuts them off.
func (s *Server) shutdown(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, serverShutdown)
	defer cancel()
	if err := s.server.Shutdown(ctx); err != nil {
		klog.FromContext(ctx).V(1).Info("Cutting off the requests that did not end in time", "server", s.name, "err", err)
		_ = s.server.Close() // its only errors are about connections that are closed anyway
	}
}

// ServeHTTP is [Listen] and [Server.Serve] in one, for a caller who does not
// need to know the moment between the two.
func ServeHTTP(ctx context.Context, name, address string, handler http.Handler) error {
	server, err := Listen(ctx, name, address, handler)
	if err != nil {
		return err
	}
	return server.Serve(ctx)
}

// errorLog makes structured log lines of what net/http would print, which is
// about broken clients and of interest to few.
type errorLog struct{ logger klog.Logger }

func (e errorLog) Write(line []byte) (int, error) {
	e.logger.V(2).Info("HTTP server", "message", strings.TrimSpace(string(line)))
	return len(line), nil
}
