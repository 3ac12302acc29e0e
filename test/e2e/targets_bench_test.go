// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"context"
	"fmt"
	"net/http"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"
	admissionv1 "k8s.io/api/admissionregistration/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/klog/v2"

	"github.com/hookstrap/hookstrap/internal/trust"
	"github.com/hookstrap/hookstrap/test/e2e/cluster"
	"github.com/hookstrap/hookstrap/test/e2e/cluster/clustertest"
)

// entriesOfTarget is how many entries each webhook configuration has.
const entriesOfTarget = 5

// BenchmarkManyTargets has one injector fill the caBundles of TARGETS webhook configurations (1,000), and then follow a
// rotation of the CA by which both are trusted. It reports how long each takes, with how many requests and how much of
// the processor, and what the injector takes of it when nothing happens.
func BenchmarkManyTargets(b *testing.B) {
	plane := clustertest.StartWith(b, cluster.Options{WithoutControllerManager: true})
	cfg := plane.Config()
	cfg.QPS = -1
	targets := createTargets(b, mustClient(b, cfg), atoi(b, "TARGETS", 1000), metav1.ObjectMeta{})
	var requests atomic.Int64
	cfg.Wrap(func(next http.RoundTripper) http.RoundTripper {
		return roundTripper(func(r *http.Request) (*http.Response, error) {
			requests.Add(1)
			return next.RoundTrip(r)
		})
	})
	first, second := newTestCA(b, "first"), newTestCA(b, "second")
	for b.Loop() {
		injector, stop := injectAll(b, cfg, targets)
		measure := func(what string, act func()) {
			cpu, before, began := processorTime(b), requests.Load(), time.Now()
			act()
			b.ReportMetric(time.Since(began).Seconds(), "s-"+what)
			b.ReportMetric((processorTime(b) - cpu).Seconds(), "cpu-s-"+what)
			b.ReportMetric(float64(requests.Load()-before), "requests-"+what)
		}
		publish := func(ca *testCA, pem []byte) {
			bundle, err := trust.ParseBundle(pem)
			must(b, err)
			injector.Publish(trust.Policy{Bundle: bundle, Exact: true})
			must(b, injector.WaitCarried(b.Context(), ca.certificate))
		}
		measure("fill", func() { publish(first, first.pem()) })
		measure("rotate", func() { publish(second, append(first.pem(), second.pem()...)) })
		measure("idle", func() { <-time.After(5 * time.Second) })
		stop()
	}
}

// processorTime is what this process has taken of the processors.
func processorTime(b *testing.B) time.Duration {
	b.Helper()
	var usage syscall.Rusage
	must(b, syscall.Getrusage(syscall.RUSAGE_SELF, &usage))
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

func targetsService() types.NamespacedName {
	return types.NamespacedName{Namespace: "default", Name: "webhook"}
}

// createTargets creates n webhook configurations with the labels and annotations of meta.
func createTargets(b testing.TB, client kubernetes.Interface, n int, meta metav1.ObjectMeta) []trust.Target {
	b.Helper()
	targets := make([]trust.Target, n)
	group, ctx := errgroup.WithContext(b.Context())
	group.SetLimit(8)
	for i := range targets {
		targets[i] = trust.Target{Kind: trust.Validating, Name: fmt.Sprintf("many-%04d", i)}
		group.Go(func() error {
			configuration := manyEntries(targets[i].Name)
			configuration.Labels, configuration.Annotations = meta.Labels, meta.Annotations
			_, err := client.AdmissionregistrationV1().ValidatingWebhookConfigurations().Create(ctx, configuration,
				metav1.CreateOptions{})
			return err
		})
	}
	must(b, group.Wait())
	return targets
}

// manyEntries is a configuration whose entries call the Service, and match nothing that there is.
func manyEntries(name string) *admissionv1.ValidatingWebhookConfiguration {
	configuration := &admissionv1.ValidatingWebhookConfiguration{ObjectMeta: metav1.ObjectMeta{Name: name}}
	service := targetsService()
	for i := range entriesOfTarget {
		configuration.Webhooks = append(configuration.Webhooks, admissionv1.ValidatingWebhook{
			Name: fmt.Sprintf("entry-%d.example.com", i),
			ClientConfig: admissionv1.WebhookClientConfig{Service: &admissionv1.ServiceReference{
				Namespace: service.Namespace, Name: service.Name}},
			Rules: []admissionv1.RuleWithOperations{{
				Operations: []admissionv1.OperationType{admissionv1.Create},
				Rule:       admissionv1.Rule{APIGroups: []string{"example.com"}, APIVersions: []string{"v1"}, Resources: []string{"things"}},
			}},
			SideEffects:             new(admissionv1.SideEffectClassNone),
			AdmissionReviewVersions: []string{"v1"},
		})
	}
	return configuration
}

// injectAll runs an injector until stop is called.
func injectAll(b *testing.B, cfg *rest.Config, targets []trust.Target) (injector *trust.Injector, stop func()) {
	b.Helper()
	client, err := dynamic.NewForConfig(cfg)
	must(b, err)
	injector, err = trust.NewInjector(trust.InjectorOptions{Client: client, Targets: targets, Service: targetsService()})
	must(b, err)
	ctx, cancel := context.WithCancel(klog.NewContext(b.Context(), klog.Logger{}))
	ended := make(chan error, 1)
	go func() { ended <- injector.Run(ctx) }()
	return injector, func() {
		cancel()
		must(b, <-ended)
	}
}
