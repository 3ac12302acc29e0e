// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package bootstrap_test

import (
	"context"
	"errors"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/client-go/rest"
	"k8s.io/klog/v2"
	"k8s.io/klog/v2/textlogger"
	ctrl "sigs.k8s.io/controller-runtime"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"
	"sigs.k8s.io/controller-runtime/pkg/webhook"

	"github.com/hookstrap/hookstrap/pkg/bootstrap"
)

// lines is what a logger has written, from any goroutine.
type lines struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// logged is what a logger of its own has written.
func logged() (klog.Logger, *lines) {
	text := &lines{}
	return textlogger.NewLogger(textlogger.NewConfig(textlogger.Output(text))), text
}

// newServer makes a server on free ports, or none.
func newServer(t *testing.T, alter func(*bootstrap.Options)) *bootstrap.Server {
	t.Helper()
	options := goodOptions()
	options.Registerer = prometheus.NewRegistry()
	options.Server = bootstrap.ServerOptions{
		Address: "127.0.0.1:0", HealthAddress: bootstrap.Disabled, ShutdownDelay: -1}
	if alter != nil {
		alter(&options)
	}
	srv, err := bootstrap.NewServer(options)
	if err != nil {
		t.Fatal(err)
	}
	return srv
}

func newManager(t *testing.T, server webhook.Server) ctrl.Manager {
	t.Helper()
	mgr, err := ctrl.NewManager(&rest.Config{Host: "https://127.0.0.1:1"}, ctrl.Options{
		WebhookServer: server, Metrics: metricsserver.Options{BindAddress: "0"}, Logger: klog.Background(),
	})
	if err != nil {
		t.Fatal(err)
	}
	return mgr
}

// TestAddToRunsAllOfIt: AddTo alone has the manager start the server, and the manager's end is the server's.
func TestAddToRunsAllOfIt(t *testing.T) {
	srv := newServer(t, nil)
	mgr := newManager(t, srv)
	if err := srv.AddTo(mgr); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- mgr.Start(ctx) }()
	defer func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("the manager ended with %v", err)
		}
	}()
	late := time.After(time.Minute)
	for started := srv.StartedChecker(); started(nil) != nil; {
		select {
		case <-late:
			t.Fatal("the server does not listen")
		case <-time.After(time.Millisecond):
		}
	}
}

func TestAddToWantsItsOwnManager(t *testing.T) {
	for name, other := range map[string]webhook.Server{"none": nil, "another": newServer(t, nil)} {
		err := newServer(t, nil).AddTo(newManager(t, other))
		if err == nil || !strings.Contains(err.Error(), "WebhookServer: srv") {
			t.Errorf("%s: error %v does not say how to make the manager", name, err)
		}
	}
}

// TestServerThatIsNotStartedIsLogged: nothing else would say that AddTo was left out.
func TestServerThatIsNotStartedIsLogged(t *testing.T) {
	for name, started := range map[string]bool{"not started": false, "started": true} {
		t.Run(name, func(t *testing.T) {
			logger, text := logged()
			synctest.Test(t, func(t *testing.T) {
				srv := newServer(t, func(o *bootstrap.Options) {
					o.Logger = logger
					o.Server.Listen = func(context.Context) (net.Listener, error) { return nil, errors.New("no listener") }
				})
				if started {
					if err := srv.Start(t.Context()); err == nil || !strings.Contains(err.Error(), "no listener") {
						t.Errorf("Start returned %v", err)
					}
				}
				<-time.After(time.Minute)
			})
			if got := strings.Count(text.String(), "call its method AddTo"); (got == 1) == started {
				t.Errorf("logged %d times:\n%s", got, text)
			}
		})
	}
}

// TestServerThatCannotListenEndsAtOnce: there is nothing to drain.
func TestServerThatCannotListenEndsAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		srv := newServer(t, func(o *bootstrap.Options) {
			o.Server.ShutdownDelay = time.Hour
			o.Server.Listen = func(context.Context) (net.Listener, error) { return nil, errors.New("no listener") }
		})
		if err := srv.Start(t.Context()); err == nil || !strings.Contains(err.Error(), "no listener") {
			t.Errorf("Start returned %v", err)
		}
		if took := time.Since(began); took > time.Second {
			t.Errorf("it took %s", took)
		}
	})
}

// noticer is a handler that is told its own namespace, as handler.Handler is.
type noticer struct {
	http.Handler
	namespace atomic.Pointer[string]
}

func (n *noticer) NoticeNamespace(name string, _ func(context.Context, string)) {
	n.namespace.Store(&name)
}

func TestRegisterTellsTheNamespace(t *testing.T) {
	hook := &noticer{Handler: http.NotFoundHandler()}
	newServer(t, nil).Register("/validate", hook)
	if got := hook.namespace.Load(); got == nil || *got != "shop" {
		t.Errorf("the handler knows of namespace %v", got)
	}
}
