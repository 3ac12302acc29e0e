// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package site

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/klog/v2"
	"k8s.io/klog/v2/ktesting"

	"github.com/hookstrap/hookstrap/pkg/bootstrap"
	"github.com/hookstrap/hookstrap/pkg/handler"
	"github.com/hookstrap/hookstrap/pkg/handler/check"
	"github.com/hookstrap/hookstrap/pkg/handler/config"
	"github.com/hookstrap/hookstrap/test/e2e/cluster/clustertest"
)

// BootstrapOptions are those of a server of this site, with its ServiceAccount's token.
func (s *Site) BootstrapOptions(t testing.TB) bootstrap.Options {
	t.Helper()
	binding := ""
	if s.Waits {
		binding = s.InForceBinding()
	}
	return bootstrap.Options{
		RESTConfig:     s.Config(t),
		InForceBinding: binding,
		Environment: bootstrap.Environment{
			Service: Service, Namespace: s.Namespace, ServiceAccount: ServiceAccount,
			PodName: "hookstrap-0", PodIPs: []netip.Addr{netip.MustParseAddr("10.244.0.7")},
		},
		BuiltInSignerName:     s.SignerName,
		WebhookConfigurations: []bootstrap.Target{{Kind: bootstrap.Validating, Name: s.Configuration}},
		SelfAddress:           net.JoinHostPort("127.0.0.1", strconv.Itoa(s.Port)),
	}
}

// Server is a webhook server in the test's process.
type Server struct {
	*bootstrap.Bootstrapper
	metrics *prometheus.Registry
	stop    func()
}

// Start runs a server with the default checks until the test ends or [Server.Stop] is called. Unless the options have a
// logger, the test has its log.
func (s *Site) Start(t testing.TB, options bootstrap.Options) *Server {
	t.Helper()
	metrics := prometheus.NewRegistry()
	options.Registerer = metrics
	if options.Logger.GetSink() == nil {
		options.Logger = Logger(t)
	}
	options.Server = bootstrap.ServerOptions{
		Address: options.SelfAddress, HealthAddress: bootstrap.Disabled, ShutdownDelay: -1}
	webhook, err := bootstrap.NewServer(options)
	must(t, err)
	entries, err := config.Default(check.Definitions()).Build(handler.Environment{})
	must(t, err)
	checks, err := handler.New(handler.Options{Entries: entries})
	must(t, err)
	webhook.Register("/validate", s.answering(checks))

	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	var running sync.WaitGroup
	running.Go(func() { report(t, webhook.Start(ctx)) })
	stop := sync.OnceFunc(func() { cancel(); running.Wait() })
	server := &Server{Bootstrapper: webhook.Bootstrapper(), metrics: metrics, stop: stop}
	t.Cleanup(server.stop)
	return server
}

// answering has every answer end its connection, where [Site.Reconnect] asks for that.
func (s *Site) answering(checks http.Handler) http.Handler {
	if !s.Reconnect {
		return checks
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Connection", "close")
		checks.ServeHTTP(w, r)
	})
}

// Failures is how many failures of any kind the server has counted.
func (s *Server) Failures(t testing.TB) float64 {
	t.Helper()
	families, err := s.metrics.Gather()
	must(t, err)
	var sum float64
	for _, family := range families {
		if !strings.HasSuffix(family.GetName(), "_failures_total") {
			continue
		}
		for _, metric := range family.GetMetric() {
			sum += metric.GetCounter().GetValue()
		}
	}
	return sum
}

// Value is that of the server's counter or gauge with this name and label values, in the order of the labels' names; 0
// if there is none.
func (s *Server) Value(t testing.TB, name string, labels ...string) float64 {
	t.Helper()
	return Value(t, s.metrics, name, labels...)
}

// Value is that of the counter or gauge with this name and label values, in the order of the labels' names; 0 if there
// is none.
func Value(t testing.TB, metrics prometheus.Gatherer, name string, labels ...string) float64 {
	t.Helper()
	families, err := metrics.Gather()
	must(t, err)
	for _, family := range families {
		if family.GetName() != name {
			continue
		}
		for _, metric := range family.GetMetric() {
			var values []string
			for _, label := range metric.GetLabel() {
				values = append(values, label.GetValue())
			}
			if slices.Equal(values, labels) {
				return metric.GetCounter().GetValue() + metric.GetGauge().GetValue()
			}
		}
	}
	return 0
}

// Stop ends the server and waits until it has.
func (s *Server) Stop() { s.stop() }

// AwaitReady blocks until the server says that the API server can call it.
func (s *Server) AwaitReady(t testing.TB) {
	t.Helper()
	clustertest.Eventually(t, func(ctx context.Context) error {
		for _, condition := range s.Conditions() {
			if err := condition.Check(ctx); err != nil {
				return fmt.Errorf("%s: %w", condition.Name, err)
			}
		}
		return nil
	})
}

// Logger logs to the test, and is silent once the test has ended.
func Logger(t testing.TB) klog.Logger {
	t.Helper()
	logger, _ := ktesting.NewTestContext(t)
	return logger
}

func report(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Errorf("the server ended: %v", err)
	}
}

// Admit asks the API server to admit a Pod into the Target namespace (a dry run, so that nothing is left behind) and
// returns what it says. The image decides: the default checks refuse one without a tag.
func (s *Site) Admit(ctx context.Context, image string) error {
	_, err := s.Admin.CoreV1().Pods(
		s.Target,
	).Create(
		ctx,
		Pod(image),
		metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}},
	)
	return err
}

// Images that the default checks admit and deny.
const (
	GoodImage = "registry.example/app:v1.2.3"
	BadImage  = "registry.example/app"
)

// Pod is a harmless Pod with that image.
func Pod(image string) *corev1.Pod {
	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{GenerateName: "pod-"},
		Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: "app", Image: image}}},
	}
}
