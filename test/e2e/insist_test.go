// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"
	testingclock "k8s.io/utils/clock/testing"

	"github.com/hookstrap/hookstrap/internal/trust"
	"github.com/hookstrap/hookstrap/test/e2e/cluster/clustertest"
	"github.com/hookstrap/hookstrap/test/e2e/site"
)

const (
	cainjector = "cert-manager-cainjector"
	annotation = "cert-manager.io/inject-ca-from"
)

// playCainjector plays cert-manager's cainjector until the test ends: whenever an entry of a configuration lacks its CA, it
// appends it to what is there.
func playCainjector(t *testing.T, admin kubernetes.Interface, configuration string, ca []byte) {
	t.Helper()
	configurations := admin.AdmissionregistrationV1().ValidatingWebhookConfigurations()
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	watch, err := configurations.Watch(ctx, metav1.ListOptions{FieldSelector: "metadata.name=" + configuration})
	must(t, err)
	var running sync.WaitGroup
	running.Go(func() {
		for event := range watch.ResultChan() {
			live, ok := event.Object.(*admissionv1.ValidatingWebhookConfiguration)
			if !ok {
				continue
			}
			if err := merge(ctx, admin, live, ca); err != nil && ctx.Err() == nil {
				t.Errorf("the cainjector of the test: %v", err)
			}
		}
	})
	t.Cleanup(func() { cancel(); watch.Stop(); running.Wait() })
}

func merge(
	ctx context.Context, admin kubernetes.Interface, live *admissionv1.ValidatingWebhookConfiguration, ca []byte,
) error {
	merged := false
	for i := range live.Webhooks {
		if bundle := &live.Webhooks[i].ClientConfig.CABundle; !bytes.Contains(*bundle, ca) {
			*bundle = append(*bundle, ca...)
			merged = true
		}
	}
	if !merged {
		return nil
	}
	_, err := admin.AdmissionregistrationV1().ValidatingWebhookConfigurations().Update(ctx, live,
		metav1.UpdateOptions{FieldManager: cainjector})
	if apierrors.IsConflict(err) || apierrors.IsNotFound(err) {
		return nil // The next event brings what it is now.
	}
	return err
}

// TestInsistingManagerIsLeftAlone: where another manager keeps its CA in our caBundles, both CAs are there, however long
// that lasts, and no further write is made. Where an annotation asks for that nothing is tried; without one, its CA is
// taken out once. The observer is told once.
func TestInsistingManagerIsLeftAlone(t *testing.T) {
	for name, annotated := range map[string]bool{"annotated": true, "without a word": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			n := newInjection(t, trust.Validating)
			configuration := n.manifest("a", "b")
			if annotated {
				configuration.Annotations = map[string]string{annotation: "cert-manager/web"}
			}
			configurations := n.admin.AdmissionregistrationV1().ValidatingWebhookConfigurations()
			_, err := configurations.Create(t.Context(), configuration, metav1.CreateOptions{FieldManager: "installer"})
			must(t, err)
			t.Cleanup(func() { n.remove(t) })
			theirs := trust.NewBundle(newTestCA(t, "cert-manager").certificate)
			playCainjector(t, n.admin, n.target.Name, theirs.PEM())
			clock := testingclock.NewFakeClock(time.Now())
			var told []trust.Insistence
			injector := n.start(t, shared.Config(), func(o *trust.InjectorOptions) {
				o.Clock = clock
				o.Observer.Insists = func(_ trust.Target, i trust.Insistence) { n.note(func() { told = append(told, i) }) }
			})
			injector.Publish(trust.Policy{Bundle: n.bundle(), Exact: true})
			awaitBoth := func() { t.Helper(); n.awaitAll(t, n.bundle().Union(theirs)) }
			awaitBoth()
			if !annotated {
				awaitPostponed(t, clock)
				clock.Step(time.Hour)
			}
			clustertest.Eventually(t, func(context.Context) error {
				count := 0
				n.note(func() { count = len(told) })
				if count == 0 {
					return errors.New("nothing was told")
				}
				return nil
			})
			awaitBoth()
			before := n.live(t).Generation
			step := time.Hour
			if !annotated {
				step = 2 * time.Minute // After an hour without a word it is asked once more whether he insists.
			}
			for range 20 {
				clock.Step(step)
			}
			// Whatever it were to write by now, it would have written before the answer to this.
			n.patchBundle(t, "a.example.com", theirs.PEM())
			awaitBoth()
			if got := n.live(t).Generation - before; got != 2 {
				t.Errorf("%d writes, want the one that spoils and the one that repairs", got)
			}
			n.note(func() {
				if len(told) != 1 || told[0].Manager != cainjector || (told[0].Annotation == annotation) != annotated {
					t.Errorf("told %+v", told)
				}
			})
		})
	}
}

// awaitAll waits until the caBundle of each entry has the certificates of want, in whatever order.
func (n *injection) awaitAll(t *testing.T, want trust.Bundle) {
	t.Helper()
	clustertest.Eventually(t, func(context.Context) error {
		for _, w := range n.live(t).Webhooks {
			if got, err := trust.ParseBundle(w.ClientConfig.CABundle); err != nil || !got.Equal(want) {
				return fmt.Errorf("the caBundle of %s has %s, want %s", w.Name, got.Describe(), want.Describe())
			}
		}
		return nil
	})
}

// TestInsistingManagerIsNamed in an event of the Pod, with the annotation that is to be taken away.
func TestInsistingManagerIsNamed(t *testing.T) {
	t.Parallel()
	s := site.New(t, shared, site.Options{})
	_, err := s.Admin.AdmissionregistrationV1().ValidatingWebhookConfigurations().Patch(t.Context(), s.Configuration,
		types.MergePatchType, []byte(`{"metadata":{"annotations":{"`+annotation+`":"cert-manager/web"}}}`), metav1.PatchOptions{})
	must(t, err)
	playCainjector(t, s.Admin, s.Configuration, newTestCA(t, "cert-manager").pem())
	server := s.Start(t, withEvents(t, s))
	server.AwaitReady(t)
	event := awaitEvent(t, s, "CABundleShared", corev1.EventTypeWarning)
	for _, want := range []string{cainjector, annotation, s.Configuration, "CN=cert-manager"} {
		if !strings.Contains(event.Message, want) {
			t.Errorf("the event lacks %q: %s", want, event.Message)
		}
	}
	wantAdmission(t, s)
}
