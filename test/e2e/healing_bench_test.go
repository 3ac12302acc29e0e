// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"strconv"
	"testing"
	"time"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/dynamic"
	"k8s.io/klog/v2"

	"github.com/hookstrap/hookstrap/internal/trust"
	"github.com/hookstrap/hookstrap/test/e2e/site"
)

// repairsEach is how many repairs one injector makes: the fourth within a minute would be held back, because somebody
// who needs that many is fighting. See package trust.
const repairsEach = 3

// BenchmarkHealing measures how long a caBundle that was spoiled stays spoiled, as another client sees it: from the API
// server's answer to the write that spoils it, until a watch shows ours again. It reports the median and the maximum.
func BenchmarkHealing(b *testing.B) {
	s := site.New(b, shared, site.Options{})
	spoilers := [][]byte{nil, []byte("garbage"), newTestCA(b, "foreign").pem()}
	ca, err := trust.ParseBundle(newTestCA(b, "ours").pem())
	must(b, err)
	live := watchBundles(b, s)
	var took []time.Duration
	stop := func() {}
	for b.Loop() {
		if len(took)%repairsEach == 0 {
			stop()
			version := spoil(b, s, nil) // Or else there is nothing to see when the next one has begun.
			stop = inject(b, s, ca)
			live.await(b, version, ca.PEM())
		}
		version := spoil(b, s, spoilers[len(took)%len(spoilers)])
		spoiled := time.Now()
		live.await(b, version, ca.PEM())
		took = append(took, time.Since(spoiled))
	}
	stop()
	slices.Sort(took)
	b.ReportMetric(milliseconds(took[len(took)/2]), "ms-median")
	b.ReportMetric(milliseconds(took[len(took)-1]), "ms-max")
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// inject runs an injector with the site's own rights until stop is called.
func inject(b *testing.B, s *site.Site, ca trust.Bundle) (stop func()) {
	b.Helper()
	client, err := dynamic.NewForConfig(s.Config(b))
	must(b, err)
	injector, err := trust.NewInjector(trust.InjectorOptions{
		Client:  client,
		Targets: []trust.Target{{Kind: trust.Validating, Name: s.Configuration}},
		Service: types.NamespacedName{Namespace: s.Namespace, Name: site.Service},
	})
	must(b, err)
	injector.Publish(trust.Policy{Bundle: ca, Exact: true})
	ctx, cancel := context.WithCancel(klog.NewContext(b.Context(), klog.Logger{}))
	ended := make(chan error, 1)
	go func() { ended <- injector.Run(ctx) }()
	return func() {
		cancel()
		must(b, <-ended)
	}
}

// spoil replaces the caBundle of every webhook, and returns the resourceVersion that the API server has answered.
func spoil(b *testing.B, s *site.Site, bundle []byte) string {
	b.Helper()
	live, err := s.LiveConfiguration(b.Context())
	must(b, err)
	for i := range live.Webhooks {
		live.Webhooks[i].ClientConfig.CABundle = bundle
	}
	configurations := s.Admin.AdmissionregistrationV1().ValidatingWebhookConfigurations()
	spoiled, err := configurations.Update(b.Context(), live, metav1.UpdateOptions{})
	must(b, err)
	return spoiled.ResourceVersion
}

// liveBundles shows the site's configuration as it changes.
type liveBundles struct {
	events <-chan watch.Event
}

func watchBundles(b *testing.B, s *site.Site) liveBundles {
	b.Helper()
	live, err := s.LiveConfiguration(b.Context())
	must(b, err)
	configurations := s.Admin.AdmissionregistrationV1().ValidatingWebhookConfigurations()
	events, err := configurations.Watch(b.Context(), metav1.ListOptions{
		FieldSelector: "metadata.name=" + s.Configuration, ResourceVersion: live.ResourceVersion})
	must(b, err)
	b.Cleanup(events.Stop)
	return liveBundles{events: events.ResultChan()}
}

// number is a resourceVersion to be compared with others of its kind, which KEP-5504 allows.
func number(b *testing.B, resourceVersion string) uint64 {
	b.Helper()
	n, err := strconv.ParseUint(resourceVersion, 10, 64)
	must(b, err)
	return n
}

// await returns at the first event after the one with resourceVersion version in which every caBundle contains want. A
// CA that is not ours may stay in it for a while; see package trust.
func (l liveBundles) await(b *testing.B, version string, want []byte) {
	b.Helper()
	patience := time.After(crashPatience)
	for {
		select {
		case event, open := <-l.events:
			configuration, ok := event.Object.(*admissionv1.ValidatingWebhookConfiguration)
			if !open || !ok {
				b.Fatal(errors.New("the watch of the configuration has ended"))
			}
			if number(b, configuration.ResourceVersion) > number(b, version) && !slices.ContainsFunc(configuration.Webhooks, func(w admissionv1.ValidatingWebhook) bool {
				return !bytes.Contains(w.ClientConfig.CABundle, want)
			}) {
				return
			}
		case <-patience:
			b.Fatal("the caBundle was not repaired")
		}
	}
}
