// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/klog/v2"
	"k8s.io/klog/v2/textlogger"

	"github.com/hookstrap/hookstrap/pkg/bootstrap"
	"github.com/hookstrap/hookstrap/pkg/handler"
	"github.com/hookstrap/hookstrap/pkg/handler/check"
	"github.com/hookstrap/hookstrap/test/e2e/cluster/clustertest"
	"github.com/hookstrap/hookstrap/test/e2e/site"
)

// program is somebody's webhook on the library, and what it has logged.
type program struct {
	*bootstrap.Bootstrapper
	metrics *prometheus.Registry
	log     *lockedBuffer
}

// lines are those of the log with all of the words.
func (p *program) lines(words ...string) []string {
	var found []string
lines:
	for line := range strings.Lines(p.log.String()) {
		for _, word := range words {
			if !strings.Contains(line, word) {
				continue lines
			}
		}
		found = append(found, line)
	}
	return found
}

// startProgram runs a webhook server as an author would, with the default address unless the options have one.
func startProgram(t *testing.T, options bootstrap.Options, server bootstrap.ServerOptions) *program {
	t.Helper()
	p := &program{metrics: prometheus.NewRegistry(), log: &lockedBuffer{}}
	options.Registerer = p.metrics
	server.HealthAddress, server.ShutdownDelay = bootstrap.Disabled, -1
	options.Server = server
	webhook, err := bootstrap.NewServer(options)
	must(t, err)
	p.Bootstrapper = webhook.Bootstrapper()
	checks, err := handler.New(handler.Options{Entries: []handler.Entry{{Check: check.ImageTag{}, Mode: handler.Deny}}})
	must(t, err)
	webhook.Register("/validate", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Connection", "close") // Each call sees what is trusted by then.
		checks.ServeHTTP(w, r)
	}))
	logger := textlogger.NewLogger(textlogger.NewConfig(textlogger.Output(p.log)))
	ctx, cancel := context.WithCancel(klog.NewContext(context.WithoutCancel(t.Context()), logger))
	var running sync.WaitGroup
	running.Go(func() { _ = webhook.Start(ctx) })
	t.Cleanup(func() {
		cancel()
		running.Wait()
		if t.Failed() {
			t.Logf("the program has logged:\n%s", p.log)
		}
	})
	return p
}

// awaitReady asks as a probe does.
func (p *program) awaitReady(t *testing.T) {
	t.Helper()
	clustertest.Eventually(t, func(context.Context) error { return p.Readyz(request(t)) })
}

// awaitNotReady waits until the program is not ready, with all of the words in the reason.
func (p *program) awaitNotReady(t *testing.T, words ...string) {
	t.Helper()
	clustertest.Eventually(t, func(context.Context) error {
		err := p.Readyz(request(t))
		for _, word := range words {
			if err == nil || !strings.Contains(err.Error(), word) {
				return fmt.Errorf("readiness says %w, want %q", errOrNil(err), words)
			}
		}
		return errOr(err, "ready")
	})
}

// errOr wants an error.
func errOr(err error, otherwise string) error {
	if err == nil {
		return errors.New(otherwise)
	}
	return nil
}

// value is that of a metric with these labels, in the order of the labels' names.
func (p *program) value(t *testing.T, name string, labels ...string) float64 {
	t.Helper()
	return site.Value(t, p.metrics, name, labels...)
}
