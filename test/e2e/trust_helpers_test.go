// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"bytes"
	"context"
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"net/http"
	"sync"
	"testing"
	"time"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/klog/v2"
	"k8s.io/klog/v2/ktesting"

	"github.com/hookstrap/hookstrap/internal/trust"
	"github.com/hookstrap/hookstrap/test/e2e/cluster/clustertest"
)

// foreignBundle is what somebody else has in the caBundle of an entry next to ours. It is not even PEM.
const foreignBundle = "somebody else's"

// injection is a Service with a certificate, one target, and injectors that work on it.
type injection struct {
	target  trust.Target
	service types.NamespacedName
	ca      *testCA
	chain   []*x509.Certificate
	admin   kubernetes.Interface

	mu     sync.Mutex
	writes []trust.Write
	errs   []error
}

func newInjection(t *testing.T, kind trust.Kind) *injection {
	t.Helper()
	namespace := clustertest.Namespace(t, shared)
	n := &injection{
		target:  trust.Target{Kind: kind, Name: namespace},
		service: types.NamespacedName{Namespace: namespace, Name: "web"},
		ca:      newTestCA(t, "ca of "+namespace),
		admin:   mustClient(t, shared.Config()),
	}
	leaf, _ := n.ca.issue(t, n.serverName())
	bundle, err := trust.ParseBundle(leaf)
	must(t, err)
	n.chain = bundle.Certificates()
	return n
}

func (n *injection) serverName() string { return n.service.Name + "." + n.service.Namespace + ".svc" }

func (n *injection) bundle() trust.Bundle { return trust.NewBundle(n.ca.certificate) }

// start runs an injector until the test ends. change edits its options.
func (n *injection) start(t *testing.T, cfg *rest.Config, change func(*trust.InjectorOptions)) *trust.Injector {
	t.Helper()
	client, err := dynamic.NewForConfig(cfg)
	must(t, err)
	opts := trust.InjectorOptions{
		Client:  client,
		Targets: []trust.Target{n.target},
		Service: n.service,
		Observer: trust.Observer{
			Wrote:  func(w trust.Write) { n.note(func() { n.writes = append(n.writes, w) }) },
			Failed: func(_ trust.Target, err error) { n.note(func() { n.errs = append(n.errs, err) }) },
		},
	}
	if change != nil {
		change(&opts)
	}
	injector, err := trust.NewInjector(opts)
	must(t, err)
	logger := ktesting.NewLogger(t, ktesting.NewConfig(ktesting.Verbosity(2)))
	ctx, cancel := context.WithCancel(klog.NewContext(context.WithoutCancel(t.Context()), logger))
	ended := make(chan error, 1)
	go func() { ended <- injector.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("Run: %v", err)
		}
	})
	return injector
}

func (n *injection) note(change func()) {
	n.mu.Lock()
	defer n.mu.Unlock()
	change()
}

// observed returns what the observers of all injectors were told so far.
func (n *injection) observed() (writes []trust.Write, errs []error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	return append(writes, n.writes...), append(errs, n.errs...)
}

// awaitWrites waits until all injectors together have written so often.
func (n *injection) awaitWrites(t *testing.T, want int) {
	t.Helper()
	clustertest.Eventually(t, func(context.Context) error {
		if writes, errs := n.observed(); len(writes) < want {
			return fmt.Errorf("%d writes, want %d; errors %v", len(writes), want, errs)
		}
		return nil
	})
}

// await waits until every live entry verifies the certificate.
func (n *injection) await(t *testing.T, injector *trust.Injector) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	must(t, injector.WaitVerified(ctx, n.chain, n.serverName()))
}

// configuration has two entries of ours and, between them, one of somebody else.
func (n *injection) configuration() *admissionv1.ValidatingWebhookConfiguration {
	entry := func(name, service string, bundle []byte) admissionv1.ValidatingWebhook {
		none, ignore := admissionv1.SideEffectClassNone, admissionv1.Ignore
		return admissionv1.ValidatingWebhook{
			Name: name + ".example.com",
			ClientConfig: admissionv1.WebhookClientConfig{
				Service:  &admissionv1.ServiceReference{Namespace: n.service.Namespace, Name: service},
				CABundle: bundle,
			},
			SideEffects: &none, FailurePolicy: &ignore, AdmissionReviewVersions: []string{"v1"},
		}
	}
	return &admissionv1.ValidatingWebhookConfiguration{
		ObjectMeta: metav1.ObjectMeta{Name: n.target.Name},
		Webhooks: []admissionv1.ValidatingWebhook{
			entry("first", n.service.Name, nil),
			entry("foreign", "other", []byte(foreignBundle)),
			entry("second", n.service.Name, nil),
		},
	}
}

func (n *injection) create(t *testing.T) {
	t.Helper()
	_, err := n.admin.AdmissionregistrationV1().ValidatingWebhookConfigurations().Create(
		t.Context(), n.configuration(), metav1.CreateOptions{FieldManager: "installer"})
	must(t, err)
	t.Cleanup(func() { n.remove(t) })
}

func (n *injection) remove(t *testing.T) {
	t.Helper()
	_ = n.admin.AdmissionregistrationV1().ValidatingWebhookConfigurations().Delete(
		context.WithoutCancel(t.Context()), n.target.Name, metav1.DeleteOptions{})
}

func (n *injection) live(t *testing.T) *admissionv1.ValidatingWebhookConfiguration {
	t.Helper()
	live, err := n.admin.AdmissionregistrationV1().ValidatingWebhookConfigurations().Get(
		t.Context(), n.target.Name, metav1.GetOptions{})
	must(t, err)
	return live
}

// spoil writes bundle into one of our entries, as a bad upgrade would.
func (n *injection) spoil(t *testing.T, entry int, bundle []byte) {
	t.Helper()
	n.patchBundle(t, n.configuration().Webhooks[entry].Name, bundle)
}

// patchBundle writes bundle into the entry of a name, so that it never loses a race against an injector.
func (n *injection) patchBundle(t *testing.T, entry string, bundle []byte) {
	t.Helper()
	patch := fmt.Sprintf(`{"webhooks":[{"name":%q,"clientConfig":{"caBundle":%q}}]}`, entry,
		base64.StdEncoding.EncodeToString(bundle))
	_, err := n.admin.AdmissionregistrationV1().ValidatingWebhookConfigurations().Patch(t.Context(), n.target.Name,
		types.StrategicMergePatchType, []byte(patch), metav1.PatchOptions{FieldManager: "spoiler"})
	must(t, err)
}

// wantRight checks what the API server has: the same bundle in both entries of ours, and the foreign entry as it was.
func (n *injection) wantRight(t *testing.T, want trust.Bundle) {
	t.Helper()
	live := n.live(t).Webhooks
	if got := string(live[1].ClientConfig.CABundle); got != foreignBundle {
		t.Errorf("the foreign caBundle is %q", got)
	}
	for _, i := range []int{0, 2} {
		if got := live[i].ClientConfig.CABundle; !bytes.Equal(got, want.PEM()) {
			t.Errorf("the caBundle of %s is\n%s\nwant\n%s", live[i].Name, got, want.PEM())
		}
	}
}

// wantBundles compares the caBundles of all entries.
func (n *injection) wantBundles(t *testing.T, want ...trust.Bundle) error {
	t.Helper()
	for i, w := range n.live(t).Webhooks {
		if got := w.ClientConfig.CABundle; !bytes.Equal(got, want[i].PEM()) {
			return fmt.Errorf("the caBundle of %s is\n%s\nwant\n%s", w.Name, got, want[i].PEM())
		}
	}
	return nil
}

// intercept calls before ahead of each request of a client with cfg.
func intercept(cfg *rest.Config, before func(*http.Request)) *rest.Config {
	cfg = rest.CopyConfig(cfg)
	cfg.Wrap(func(next http.RoundTripper) http.RoundTripper {
		return roundTripper(func(r *http.Request) (*http.Response, error) {
			before(r)
			return next.RoundTrip(r)
		})
	})
	return cfg
}
