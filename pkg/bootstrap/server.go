// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package bootstrap

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync/atomic"
	"time"

	"k8s.io/klog/v2"
	"sigs.k8s.io/controller-runtime/pkg/healthz"
	"sigs.k8s.io/controller-runtime/pkg/metrics"
	"sigs.k8s.io/controller-runtime/pkg/webhook"

	"github.com/hookstrap/hookstrap/internal/lifecycle"
)

// startPatience is how long after [NewServer] the log says that nothing has started the server.
const startPatience = 10 * time.Second

var errServerNotStarted = errors.New("the webhook server was not started: call its method AddTo with the manager, " +
	"and start the manager; without one, call Start")

// Server is a whole webhook server: a certificate, its CA in the caBundle of the webhook configurations, health probes,
// and an orderly end. It implements controller-runtime's webhook.Server, for a manager:
//
//	srv, err := bootstrap.NewServer(options)
//	srv.Register("/validate", handler)
//	mgr, err := ctrl.NewManager(cfg, ctrl.Options{WebhookServer: srv})
//	err = srv.AddTo(mgr)
//
// It can also run without a manager, by [Server.Start]. What its connections can cost is bounded: see
// [ServerOptions.MaxConnections]. When the context of Start ends, the server goes on accepting connections for
// [ServerOptions.ShutdownDelay], is not ready for the second half of that, and then answers what is in flight. Its
// methods may be called concurrently.
type Server struct {
	webhook.Server // Register and NeedLeaderElection

	boot       *Bootstrapper
	options    ServerOptions
	mux        *http.ServeMux
	drainer    *lifecycle.Drainer
	conditions []Condition
	logger     atomic.Pointer[klog.Logger] // of the manager
	unstarted  *time.Timer
	listening  atomic.Bool
}

var _ webhook.Server = &Server{}

// NewServer returns a server that is not running yet. It reads what the options leave empty from the environment, and
// contacts nothing. The error joins a [FieldError] for each fault. It sets the memory limit as [New] does.
func NewServer(options Options) (*Server, error) {
	if options.Registerer == nil {
		options.Registerer = metrics.Registry
	}
	boot, err := New(options)
	if err != nil {
		return nil, err
	}
	o := options.Server.withDefaults(options.Registerer)
	boot.listensAt(o.Address)
	mux := http.NewServeMux()
	s := &Server{
		Server: webhook.NewServer(webhook.Options{WebhookMux: mux}), mux: mux,
		boot: boot, options: o, drainer: lifecycle.NewDrainer(max(o.ShutdownDelay, 0)),
	}
	s.unstarted = time.AfterFunc(startPatience, func() {
		klog.FromContext(boot.options.logging(context.Background())).Error(errServerNotStarted, "Not serving")
	})
	return s, nil
}

// Manager is what [Server.AddTo] needs of controller-runtime's manager.Manager.
type Manager interface {
	GetWebhookServer() webhook.Server
	AddReadyzCheck(name string, check healthz.Checker) error
	GetLogger() klog.Logger
}

// AddTo makes the manager run the server: all of it, from when the manager starts until its end. The manager must have
// been made with the server as its WebhookServer. Call it before the manager is started.
//
// A manager with a HealthProbeBindAddress of its own is ready if the server is. Those probes fail as soon as the
// manager is told to end; the server's own, at [ServerOptions.HealthAddress], go on until it has drained.
func (s *Server) AddTo(mgr Manager) error {
	if mgr.GetWebhookServer() != webhook.Server(s) {
		return errors.New("the manager has another webhook server: make it with this one, " +
			"ctrl.NewManager(cfg, ctrl.Options{WebhookServer: srv})")
	}
	if err := mgr.AddReadyzCheck("webhook", s.boot.Readyz); err != nil {
		return fmt.Errorf("adding the webhook server to a manager: %w", err)
	}
	if logger := mgr.GetLogger(); logger.Enabled() {
		s.logger.Store(&logger)
	}
	return nil
}

// namespaceNoticer is a handler that says when it is asked about a namespace.
type namespaceNoticer interface {
	NoticeNamespace(name string, notice func(ctx context.Context, resource string))
}

// Register serves a path with a handler. It panics if the path has one.
//
// A handler that has the method NoticeNamespace, as that of package handler, is told our own namespace: reviews of what
// is in it are logged once, for a webhook that is asked about its own Pods cannot start again when all of them are
// gone.
func (s *Server) Register(path string, hook http.Handler) {
	if h, ok := hook.(namespaceNoticer); ok {
		h.NoticeNamespace(s.boot.options.Namespace, s.boot.AskedAboutOwnNamespace)
	}
	s.Server.Register(path, hook)
}

// AddCondition adds a line to readiness: the server is ready only while it holds. Call it before Start.
func (s *Server) AddCondition(c Condition) { s.conditions = append(s.conditions, c) }

// WebhookMux is where [Server.Register] registers handlers.
func (s *Server) WebhookMux() *http.ServeMux { return s.mux }

// Bootstrapper is what has the certificate: it renews, and says what is served.
func (s *Server) Bootstrapper() *Bootstrapper { return s.boot }

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
