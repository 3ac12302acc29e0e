// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"context"
	"encoding/base64"
	"fmt"
	"maps"
	"strings"
	"testing"
	"time"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/dynamic"
	testingclock "k8s.io/utils/clock/testing"
	"sigs.k8s.io/yaml"

	"github.com/hookstrap/hookstrap/internal/trust"
	"github.com/hookstrap/hookstrap/test/e2e/cluster/clustertest"
)

// TestMovedEntriesLoseOurCA: entries that the owner moves to a URL and to another Service lose our CA, and nothing but
// that, in one write of all replicas. What is then put there is not taken away again.
func TestMovedEntriesLoseOurCA(t *testing.T) {
	t.Parallel()
	n := newInjection(t, trust.Validating)
	t.Cleanup(func() { n.remove(t) })
	other := trust.NewBundle(newTestCA(t, "other").certificate)
	manifest := n.manifest("a", "b", "c", "foreign")
	must(t, serverSide(t, manifest))
	n.patchBundle(t, "c.example.com", other.PEM())
	clock := testingclock.NewFakeClock(time.Now())
	policy := trust.Policy{Bundle: n.bundle()}
	for range 2 {
		injector := n.start(t, shared.Config(), func(o *trust.InjectorOptions) { o.Clock = clock })
		injector.Publish(policy)
		n.await(t, injector)
	}
	want := func(bundles ...string) {
		t.Helper()
		clustertest.Eventually(t, func(context.Context) error {
			for i, w := range n.live(t).Webhooks {
				if got := string(w.ClientConfig.CABundle); got != bundles[i] {
					return fmt.Errorf("the caBundle of %s is\n%s\nwant\n%s", w.Name, got, bundles[i])
				}
			}
			return nil
		})
	}
	ours, both := string(n.bundle().PEM()), string(n.bundle().Union(other).PEM())
	want(ours, ours, both, foreignBundle)

	manifest.Webhooks[1].ClientConfig = admissionv1.WebhookClientConfig{URL: new("https://elsewhere.invalid/check")}
	manifest.Webhooks[2].ClientConfig.Service = &admissionv1.ServiceReference{Namespace: "default", Name: "successor"}
	must(t, serverSide(t, manifest))
	awaitPostponed(t, clock)
	want(ours, ours, both, foreignBundle)
	clock.Step(time.Minute)
	want(ours, "", string(other.PEM()), foreignBundle)
	n.awaitWrites(t, 2)
	writes, errs := n.observed()
	if len(writes) != 2 || writes[1].Reason != "moved" || fmt.Sprint(writes[1].Entries) != "[b.example.com c.example.com]" ||
		writes[1].Repairs > 0 || len(errs) > 0 {
		t.Errorf("writes %+v, errors %v", writes, errs)
	}
	n.patchBundle(t, "b.example.com", n.bundle().PEM())
	n.patchBundle(t, "a.example.com", nil)
	want(ours, ours, string(other.PEM()), foreignBundle)
}

// applied is an object of a kind whose owner applies it server-side, and whose caBundle the injectors of some replicas
// have filled.
func applied(t *testing.T, kind trust.Kind, replicas int) (n *injection, spec func() map[string]any, manifest map[string]any, clock *testingclock.FakeClock) {
	t.Helper()
	tc := kindCases()[kind]
	n = newInjection(t, kind)
	name, text := tc.in(n.service.Namespace, n.service.Namespace)
	n.target.Name = name
	client, err := dynamic.NewForConfig(shared.Config())
	must(t, err)
	objects := client.Resource(tc.resource)
	t.Cleanup(func() { _ = objects.Delete(context.WithoutCancel(t.Context()), name, metav1.DeleteOptions{}) })
	must(t, yaml.Unmarshal([]byte(text), &manifest))
	must(t, serverSide(t, manifest))
	clock = testingclock.NewFakeClock(time.Now())
	injectors := make([]*trust.Injector, replicas)
	for i := range injectors {
		injectors[i] = n.start(t, shared.Config(), func(o *trust.InjectorOptions) { o.Clock = clock })
	}
	for _, injector := range injectors {
		injector.Publish(trust.Policy{Bundle: n.bundle(), Exact: true})
	}
	for _, injector := range injectors {
		n.await(t, injector)
	}
	return n, func() map[string]any {
		live, err := objects.Get(t.Context(), name, metav1.GetOptions{})
		must(t, err)
		spec, _ := live.Object["spec"].(map[string]any)
		return spec
	}, manifest, clock
}

// TestOwnerEndsTheConversion: anyone who applies a CRD server-side goes from strategy Webhook to None and back, although we
// have filled the caBundle in between: moments after that we no longer own it.
func TestOwnerEndsTheConversion(t *testing.T) {
	t.Parallel()
	n, spec, manifest, clock := applied(t, trust.CRD, 1)
	webhook, _, err := unstructured.NestedMap(manifest, "spec", "conversion")
	must(t, err)
	for round := range 2 {
		awaitPostponed(t, clock)
		clock.Step(time.Minute)
		n.awaitWrites(t, 2*round+2) // The caBundle, and who owns it.
		must(t, unstructured.SetNestedMap(manifest, map[string]any{"strategy": "None"}, "spec", "conversion"))
		must(t, serverSide(t, manifest))
		if got := fmt.Sprint(spec()["conversion"]); got != "map[strategy:None]" {
			t.Errorf("the conversion is %s", got)
		}
		must(t, unstructured.SetNestedMap(manifest, webhook, "spec", "conversion"))
		must(t, serverSide(t, manifest))
		n.awaitWrites(t, 2*round+3)
	}
	if writes, errs := n.observed(); len(errs) > 0 || writes[1].Reason != "ownership" || writes[1].Repairs > 0 {
		t.Errorf("writes %+v, errors %v", writes, errs)
	}
}

// TestTwentyServersOfACRD write each of its two writes once: the caBundle, and that it is no longer ours.
func TestTwentyServersOfACRD(t *testing.T) {
	t.Parallel()
	n, _, manifest, clock := applied(t, trust.CRD, 20)
	for round := range 2 {
		clustertest.Eventually(t, func(context.Context) error {
			clock.Step(time.Minute)
			if writes, _ := n.observed(); len(writes) < 2*round+2 {
				return fmt.Errorf("%d writes in round %d", len(writes), round)
			}
			return nil
		})
		if round > 0 {
			break
		}
		// With a new caBundle in it, which is not ours, all of them have to look again.
		must(t, unstructured.SetNestedField(manifest, base64.StdEncoding.EncodeToString(newTestCA(t, "foreign").pem()),
			"spec", "conversion", "webhook", "clientConfig", "caBundle"))
		must(t, serverSide(t, manifest))
		n.awaitWrites(t, 3)
	}
	writes, errs := n.observed()
	var reasons []string
	for _, w := range writes {
		reasons = append(reasons, w.Reason)
	}
	if got := strings.Join(reasons, " "); got != "empty ownership differs ownership" || len(errs) > 0 {
		t.Errorf("the writes of all were %s, errors %v", got, errs)
	}
}

// TestOwnerWithoutCABundle: the owner of an APIService who no longer wants us verified, or called, says `caBundle: null`
// and forces that. docs/troubleshooting.md says so.
func TestOwnerWithoutCABundle(t *testing.T) {
	for name, change := range map[string]map[string]any{
		"insecure": {"insecureSkipTLSVerify": true},
		"local":    {"service": ""}, // It goes.
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, spec, manifest, _ := applied(t, trust.APIService, 1)
			wanted, _ := manifest["spec"].(map[string]any)
			maps.Copy(wanted, change)
			maps.DeleteFunc(wanted, func(_ string, value any) bool { return value == "" })
			if err := serverSide(t, manifest); err == nil {
				t.Error("the API server no longer minds the caBundle: docs/troubleshooting.md need not say what to do")
			}
			wanted["caBundle"] = nil
			must(t, serverSide(t, manifest, "--force-conflicts"))
			live := spec()
			if live["caBundle"] != nil || (live["service"] == nil) != (name == "local") ||
				live["insecureSkipTLSVerify"] != change["insecureSkipTLSVerify"] {
				t.Errorf("the APIService is %v", live)
			}
		})
	}
}
