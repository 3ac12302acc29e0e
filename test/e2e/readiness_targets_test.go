// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/dynamic"

	"github.com/hookstrap/hookstrap/internal/trust"
	"github.com/hookstrap/hookstrap/pkg/bootstrap"
	"github.com/hookstrap/hookstrap/test/e2e/cluster/clustertest"
	"github.com/hookstrap/hookstrap/test/e2e/site"
)

// secondary is an object beside the webhook configuration, through which the API server calls the same server.
type secondary struct {
	target  trust.Target
	text    string
	objects dynamic.ResourceInterface
}

// newSecondary creates an object of the kind that calls the site's Service.
func newSecondary(t *testing.T, s *site.Site, kind trust.Kind) *secondary {
	t.Helper()
	tc := kindCases()[kind]
	name, text := tc.in(s.Namespace, s.Namespace)
	text = strings.ReplaceAll(text, "name: web", fmt.Sprintf("name: %s, port: %d", site.Service, s.Port))
	client, err := dynamic.NewForConfig(shared.Config())
	must(t, err)
	n := &secondary{target: trust.Target{Kind: kind, Name: name}, text: text, objects: client.Resource(tc.resource)}
	create(t, n.objects, text)
	return n
}

// withSecondaries lets the server keep objects of all kinds.
func withSecondaries(shipped *site.Shipped) {
	rule := rbacv1.PolicyRule{
		APIGroups: []string{"admissionregistration.k8s.io", "apiextensions.k8s.io", "apiregistration.k8s.io"},
		Resources: []string{"mutatingwebhookconfigurations", "customresourcedefinitions", "apiservices"},
		Verbs:     []string{"list", "watch", "patch"},
	}
	shipped.ClusterRole.Rules = append([]rbacv1.PolicyRule{rule}, shipped.ClusterRole.Rules...)
}

// patch changes the object as its owner would.
func (n *secondary) patch(t *testing.T, kind types.PatchType, patch string) {
	t.Helper()
	_, err := n.objects.Patch(t.Context(), n.target.Name, kind, []byte(patch), metav1.PatchOptions{FieldManager: "owner"})
	must(t, err)
}

func (n *secondary) remove(t *testing.T) {
	t.Helper()
	must(t, n.objects.Delete(t.Context(), n.target.Name, metav1.DeleteOptions{}))
	clustertest.Eventually(t, func(ctx context.Context) error {
		_, err := n.objects.Get(ctx, n.target.Name, metav1.GetOptions{})
		return errOr(err, "still there")
	})
}

// TestSecondaryTargetThatIsGone: an object through which the API server no longer calls us makes no replica unready and
// stops no rotation of the CA. It is said once in the log, by an event, a metric and readiness. When it is back it has to
// have its caBundle.
func TestSecondaryTargetThatIsGone(t *testing.T) {
	for name, tc := range map[string]struct {
		kind   trust.Kind
		goes   func(*testing.T, *secondary)
		back   func(*testing.T, *secondary)
		reason string
	}{
		"deleted CRD": {trust.CRD,
			func(t *testing.T, n *secondary) { n.remove(t) },
			func(t *testing.T, n *secondary) { create(t, n.objects, n.text) }, "no longer exists"},
		"CRD without conversion": {trust.CRD,
			func(t *testing.T, n *secondary) {
				n.patch(t, types.MergePatchType, `{"spec":{"conversion":{"strategy":"None","webhook":null}}}`)
			},
			func(t *testing.T, n *secondary) { n.remove(t); create(t, n.objects, n.text) }, "has no entry"},
		"APIService that skips verification": {trust.APIService,
			func(t *testing.T, n *secondary) {
				n.patch(t, types.MergePatchType, `{"spec":{"caBundle":null,"insecureSkipTLSVerify":true}}`)
			},
			func(t *testing.T, n *secondary) {
				n.patch(t, types.MergePatchType, `{"spec":{"insecureSkipTLSVerify":null}}`)
			}, "insecureSkipTLSVerify"},
		"configuration without our entry": {trust.Mutating,
			func(t *testing.T, n *secondary) { n.patch(t, types.MergePatchType, `{"webhooks":[]}`) },
			func(t *testing.T, n *secondary) { n.remove(t); create(t, n.objects, n.text) }, "has no entry"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := site.New(t, shared, site.Options{Edit: withSecondaries})
			n := newSecondary(t, s, tc.kind)
			options := withEvents(t, s)
			options.WebhookConfigurations = append(options.WebhookConfigurations, n.target)
			p := startProgram(t, options, bootstrap.ServerOptions{Address: options.SelfAddress})
			p.awaitReady(t)
			<-p.Ready()

			tc.goes(t, n)
			p.awaitWaived(t, n.target, 1)
			must(t, p.Readyz(request(t)))
			if note := p.Conditions()[1].Note(); !strings.Contains(note, tc.reason) {
				t.Errorf("readiness notes %q, want %q", note, tc.reason)
			}
			if event := awaitEvent(t, s, "TargetNotCalled", corev1.EventTypeWarning); !strings.Contains(event.Message, tc.reason) {
				t.Errorf("the event says %q", event.Message)
			}
			p.rotate(t, s)
			must(t, p.Readyz(request(t)))
			wantAdmission(t, s)
			if got := p.lines("Nothing waits for this object", tc.reason); len(got) != 1 {
				t.Errorf("%d log lines, want 1: %q", len(got), got)
			}

			tc.back(t, n)
			p.awaitWaived(t, n.target, 0)
			p.awaitReady(t)
			p.wantBundle(t, s, n)
		})
	}
}

func (p *program) awaitWaived(t *testing.T, target trust.Target, want float64) {
	t.Helper()
	clustertest.Eventually(t, func(context.Context) error {
		if got := p.value(t, "hookstrap_target_waived", string(target.Kind), target.Name); got != want {
			return fmt.Errorf("hookstrap_target_waived is %g, want %g; readiness says %w", got, want,
				errOrNil(p.Readyz(request(t))))
		}
		return nil
	})
}

// rotate asks for a new CA, and waits until the program serves a certificate of it.
func (p *program) rotate(t *testing.T, s *site.Site) {
	t.Helper()
	before, err := signingCA(t.Context(), s)
	must(t, err)
	askForRotation(t, s, "now")
	clustertest.Eventually(t, func(ctx context.Context) error {
		ca, err := signingCA(ctx, s)
		if err != nil {
			return err
		}
		if ca.Equal(before) {
			return errors.New("the old CA still signs")
		}
		return p.Leaf().CheckSignatureFrom(ca)
	})
}

// wantBundle waits until the object carries the CA that signs.
func (p *program) wantBundle(t *testing.T, s *site.Site, n *secondary) {
	t.Helper()
	ca, err := signingCA(t.Context(), s)
	must(t, err)
	clustertest.Eventually(t, func(ctx context.Context) error {
		live, err := n.objects.Get(ctx, n.target.Name, metav1.GetOptions{})
		if err != nil {
			return err
		}
		bundle, err := trust.ParseBundle(bundleIn(t, n.target.Kind, live))
		if err == nil && !bundle.Contains(ca) {
			err = errors.New("the CA that signs is not in its caBundle")
		}
		return err
	})
}

// TestNoTargetIsLeft: with one object left the server is ready, with none it is not, and what is created again counts
// when it has its caBundle.
func TestNoTargetIsLeft(t *testing.T) {
	t.Parallel()
	s := site.New(t, shared, site.Options{Edit: withSecondaries})
	n := newSecondary(t, s, trust.Mutating)
	options := s.BootstrapOptions(t)
	options.WebhookConfigurations = append(options.WebhookConfigurations, n.target)
	p := startProgram(t, options, bootstrap.ServerOptions{Address: options.SelfAddress})
	p.awaitReady(t)
	must(t, s.Admin.AdmissionregistrationV1().ValidatingWebhookConfigurations().Delete(t.Context(), s.Configuration,
		metav1.DeleteOptions{}))
	p.awaitWaived(t, options.WebhookConfigurations[0], 1)
	must(t, p.Readyz(request(t)))
	n.remove(t)
	p.awaitNotReady(t, "no object left", s.Configuration, "no longer exists")
	p.rotate(t, s)
	s.CreateConfiguration(t)
	p.awaitReady(t)
	wantAdmission(t, s)
}

// TestTargetsAreWaitedForAtTheStart: one that is missing then may have a wrong name.
func TestTargetsAreWaitedForAtTheStart(t *testing.T) {
	t.Parallel()
	s := site.New(t, shared, site.Options{Edit: withSecondaries})
	options := s.BootstrapOptions(t)
	missing := trust.Target{Kind: trust.CRD, Name: "widgets." + s.Namespace + ".example.com"}
	options.WebhookConfigurations = append(options.WebhookConfigurations, missing)
	p := startProgram(t, options, bootstrap.ServerOptions{Address: options.SelfAddress})
	p.awaitNotReady(t, missing.Name, "does not exist yet")
	newSecondary(t, s, trust.CRD)
	p.awaitReady(t)
}

// bundleIn is the caBundle of the first entry of an object.
func bundleIn(t *testing.T, kind trust.Kind, live *unstructured.Unstructured) []byte {
	t.Helper()
	config := live.Object
	switch kind {
	case trust.CRD:
		config, _, _ = unstructured.NestedMap(config, "spec", "conversion", "webhook", "clientConfig")
	case trust.APIService:
		config, _, _ = unstructured.NestedMap(config, "spec")
	case trust.Validating, trust.Mutating:
		webhooks, _, _ := unstructured.NestedSlice(config, "webhooks")
		first, _ := webhooks[0].(map[string]any)
		config, _, _ = unstructured.NestedMap(first, "clientConfig")
	}
	encoded, _, _ := unstructured.NestedString(config, "caBundle")
	bundle, err := base64.StdEncoding.DecodeString(encoded)
	must(t, err)
	return bundle
}
