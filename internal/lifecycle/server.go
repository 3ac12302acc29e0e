// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package lifecycle

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"strings"
	"time"

	"k8s.io/klog/v2"

	"github.com/hookstrap/hookstrap/internal/connlimit"
	"github.com/hookstrap/hookstrap/internal/timing"
)

const (
	// DefaultShutdownTimeout bounds the graceful end of a [Server]: probes and scrapes are short, and are repeated.
	DefaultShutdownTimeout = 5 * time.Second
	// DefaultMaxConnections is enough for probes and scrapes.
	DefaultMaxConnections = 100

	// maxHeaderBytes bounds the header of a request, to which net/http adds 4 KiB.
	maxHeaderBytes = 16 << 10
)

// ServerOptions configure a [Server]. The zero value is for probes and metrics.
type ServerOptions struct {
	// Name appears in errors, logs and metrics, for example "health".
	Name string
	// TLS is what the server presents itself with; nil is plain HTTP.
	TLS *tls.Config
	// MaxConnections is how many connections are open at a time; the default is [DefaultMaxConnections]. One remote
	// address can have three quarters of them. When there are more, one that waits for its client is closed, and never
	// one that is being answered.
	MaxConnections int
	// ShutdownTimeout bounds the wait for requests in flight; the default is [DefaultShutdownTimeout].
	ShutdownTimeout time.Duration
	// ErrorLog takes what net/http says about broken clients. By default it is logged at verbosity 2.
	ErrorLog io.Writer
}

// Server is an HTTP server, bound to its address but not yet serving. What its connections can cost is bounded: their
// number, the header of a request to 16 KiB and 10 s, as the TLS handshake, a body to 32 s, the answer to 90 s, and the
// wait for a request to 2 minutes, which is longer than an API server keeps an idle connection. A handler may change
// the deadlines of its request.
type Server struct {
	name     string
	listener net.Listener
	server   *http.Server
	shutdown time.Duration
	limiter  *connlimit.Limiter
}

// Listen binds address, a "host:port" as [net.Listen] takes it, and so finds out about a port in use before the program
// goes on. name appears in errors and logs, for example "health". After Listen call [Server.Serve], which closes the
// listener.
func Listen(ctx context.Context, name, address string, handler http.Handler) (*Server, error) {
	return ListenTLS(ctx, name, address, handler, nil)
}

// ListenTLS is [Listen] for a server that presents itself with cfg; nil is plain HTTP.
func ListenTLS(
	ctx context.Context, name, address string, handler http.Handler, cfg *tls.Config,
) (*Server, error) {
	var config net.ListenConfig
	listener, err := config.Listen(ctx, "tcp", address)
	if err != nil {
		return nil, fmt.Errorf("listening on %q for %s: %w: free the port or choose another address", address, name, err)
	}
	return NewServer(ctx, listener, handler, ServerOptions{Name: name, TLS: cfg}), nil
}

// NewServer returns a server that accepts connections of a listener. Call [Server.Serve], which closes the listener.
func NewServer(ctx context.Context, listener net.Listener, handler http.Handler, o ServerOptions) *Server {
	logger := klog.FromContext(ctx).WithValues("server", o.Name)
	if o.ErrorLog == nil {
		o.ErrorLog = errorLog{logger}
	}
	s := &Server{
		name:     o.Name,
		shutdown: o.ShutdownTimeout,
		limiter:  connlimit.New(cmp.Or(o.MaxConnections, DefaultMaxConnections), newClosings(logger).report),
		server: &http.Server{
			Handler: withUnknownPaths(handler),
			// The limiter has shorter ones for handshakes, headers and bodies.
			ReadHeaderTimeout: connlimit.IdleTimeout,
			IdleTimeout:       connlimit.IdleTimeout,
			// Writing may take long where a profile is served next to the metrics, 30 s by default.
			WriteTimeout:   90 * time.Second,
			MaxHeaderBytes: maxHeaderBytes,
			ErrorLog:       log.New(o.ErrorLog, "", 0), //nolint:forbidigo // It ends in klog.
			// The logger is wanted, a cancellation in the middle of an answer not.
			BaseContext: func(net.Listener) context.Context {
				return klog.NewContext(context.WithoutCancel(ctx), logger)
			},
		},
	}
	s.limiter.Protect(s.server)
	s.listener = s.limiter.Listener(listener)
	if o.TLS != nil {
		s.listener = tls.NewListener(s.listener, o.TLS)
	}
	return s
}

// Name is that of the options.
func (s *Server) Name() string { return s.name }

// OpenConnections is how many connections are open now.
func (s *Server) OpenConnections() int { return s.limiter.Open() }

// ClosedConnections is how many connections were closed so far because a bound was reached, by reason: "handshake",
// "idle" and "body" are what was waited for on a connection that had to make room; a new one for which there was no
// room was closed as "full", and one on which much was sent that was no request as "flood".
func (s *Server) ClosedConnections() map[string]uint64 {
	closed := map[string]uint64{}
	for _, reason := range connlimit.Reasons() {
		closed[string(reason)] = s.limiter.Closed(reason)
	}
	return closed
}

// Addr is the address that was bound, with the port chosen if it was 0.
func (s *Server) Addr() net.Addr { return s.listener.Addr() }

// Serve answers requests until ctx ends, then finishes those it is at within the timeout of the options, and returns
// nil. An error means that serving broke off by itself. Serve is called once.
func (s *Server) Serve(ctx context.Context) error {
	logger := klog.FromContext(ctx)
	logger.V(1).Info("Serving", "server", s.name, "address", s.Addr().String())

	done := make(chan struct{})
	unhook := context.AfterFunc(ctx, func() {
		defer close(done)
		s.end(context.WithoutCancel(ctx))
	})
	err := s.server.Serve(s.listener)
	if errors.Is(err, http.ErrServerClosed) {
		<-done
		return nil
	}
	unhook()
	return fmt.Errorf("serving %s on %s: %w", s.name, s.Addr(), err)
}

// end lets requests finish for a while, then cuts them off.
func (s *Server) end(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, cmp.Or(s.shutdown, DefaultShutdownTimeout))
	defer cancel()
	if err := s.server.Shutdown(ctx); err != nil {
		klog.FromContext(ctx).V(1).Info("Cutting off the requests that did not end in time", "server", s.name, "err", err)
		_ = s.server.Close() // its only errors are about connections that are closed anyway
	}
}

// closings logs one closed connection a minute for each reason.
type closings struct {
	logger klog.Logger
	lines  map[connlimit.Reason]*timing.Rarely
}

func newClosings(logger klog.Logger) *closings {
	c := &closings{logger: logger, lines: map[connlimit.Reason]*timing.Rarely{}}
	for _, reason := range connlimit.Reasons() {
		c.lines[reason] = &timing.Rarely{}
	}
	return c
}

func (c *closings) report(reason connlimit.Reason, client string) {
	if pass, dropped := c.lines[reason].Pass(time.Now()); pass {
		c.logger.Info("Closed a connection: the server has as many as it may have, or its client sends no request",
			"reason", reason, "client", client, "unlogged", dropped)
	}
}

// errorLog makes structured log lines of what net/http would print, which is about broken clients and of interest to
// few.
type errorLog struct{ logger klog.Logger }

func (e errorLog) Write(line []byte) (int, error) {
	e.logger.V(2).Info("HTTP server", "message", strings.TrimSpace(string(line)))
	return len(line), nil
}
