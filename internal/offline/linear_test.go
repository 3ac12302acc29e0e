// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package offline

import (
	"context"
	"fmt"
	"strings"
	"testing"

	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/client-go/kubernetes/scheme"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/hookstrap/hookstrap/internal/view"
	"github.com/hookstrap/hookstrap/pkg/handler"
	"github.com/hookstrap/hookstrap/pkg/handler/check"
	"github.com/hookstrap/hookstrap/pkg/handler/config"
)

// counting is a definition whose view counts the objects that it looks at.
func counting(looks *int) handler.Definition {
	v := view.New("counted", &networkingv1.Ingress{}, &networkingv1.IngressList{},
		func(*networkingv1.Ingress) (view.Kept[int], bool) {
			*looks++
			return view.Kept[int]{Keys: []view.Key{{Text: "all"}}}, true
		})
	return handler.Define("counting", handler.Doc{}, func() struct{} { return struct{}{} },
		func(_ struct{}, env handler.Environment) (handler.Check, error) {
			return countingCheck{v, env}, nil
		}, v).WithDefaultMode(handler.Deny)
}

type countingCheck struct {
	view *view.View[int]
	env  handler.Environment
}

// Name implements [handler.Check].
func (countingCheck) Name() string { return "counting" }

// Evaluate implements [handler.Check].
func (c countingCheck) Evaluate(ctx context.Context, req *handler.Request) ([]handler.Violation, error) {
	return nil, c.view.Find(ctx, c.env.Cluster, view.Query{Key: "all", Outside: req.Namespace},
		func(view.Found[int]) bool { return false })
}

// Each object is looked at once for all questions, however many objects ask.
func TestEachObjectIsLookedAtOnce(t *testing.T) {
	for _, n := range []int{50, 400} {
		looks := 0
		report, err := Judge(t.Context(), Options{
			Paths: []string{stdin}, Input: strings.NewReader(ingresses(n)), Scheme: scheme.Scheme,
			Configuration: config.Default([]handler.Definition{counting(&looks)}),
		})
		if err != nil || report.Objects != n || report.DeniedObjects > 0 {
			t.Fatalf("got %+v, %v", report, err)
		}
		if looks != n {
			t.Errorf("%d objects were looked at %d times", n, looks)
		}
	}
}

func ingresses(n int) string {
	var text strings.Builder
	for i := range n {
		fmt.Fprintf(&text, "---\napiVersion: networking.k8s.io/v1\nkind: Ingress\nmetadata: {name: web-%d, namespace: ns-%d}\n"+
			"spec:\n  rules:\n  - host: h%d.example.com\n", i, i%10, i)
	}
	return text.String()
}

func budgets(n int) string {
	var text strings.Builder
	for i := range n {
		fmt.Fprintf(&text, "---\napiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web-%[1]d, namespace: shop}\nspec:\n"+
			"  replicas: 3\n  selector: {matchLabels: {app: web-%[1]d}}\n  template:\n    metadata: {labels: {app: web-%[1]d, env: prod}}\n"+
			"    spec: {containers: [{name: app, image: 'registry.example/app:1.2.3'}]}\n"+
			"---\napiVersion: policy/v1\nkind: PodDisruptionBudget\nmetadata: {name: web-%[1]d, namespace: shop}\n"+
			"spec: {minAvailable: 2, selector: {matchLabels: {app: web-%[1]d, env: prod}}}\n", i)
	}
	return text.String()
}

// Manifests of one name, as several overlays have them, all count, and none hides another.
func TestManifestsOfOneNameAllCount(t *testing.T) {
	var objects []object
	for _, d := range documents([]byte(ingresses(1) + strings.ReplaceAll(ingresses(1), "h0.", "other."))) {
		found, err := objectsOf("x", d)
		if err != nil {
			t.Fatal(err)
		}
		objects = append(objects, found...)
	}
	c := newCluster(scheme.Scheme, newKinds(nil), objects)
	var hosts []string
	v := view.New("hosts", &networkingv1.Ingress{}, &networkingv1.IngressList{},
		func(o *networkingv1.Ingress) (view.Kept[string], bool) {
			return view.Kept[string]{Value: o.Spec.Rules[0].Host, Keys: []view.Key{{}}}, true
		})
	err := v.Find(t.Context(), c, view.Query{}, func(f view.Found[string]) bool {
		hosts = append(hosts, f.Value)
		return true
	})
	if err != nil || fmt.Sprint(hosts) != "[h0.example.com other.example.com]" {
		t.Errorf("found %v, %v", hosts, err)
	}
	var first networkingv1.Ingress
	if err := c.Get(t.Context(), client.ObjectKey{Namespace: "ns-0", Name: "web-0"}, &first); err != nil || first.Spec.Rules[0].Host != "h0.example.com" {
		t.Errorf("got %v, %v", first.Spec, err)
	}
}

// BenchmarkJudge is what manifests cost that are compared with each other, at 1×, 2× and 4×.
func BenchmarkJudge(b *testing.B) {
	for name, of := range map[string]struct {
		check string
		text  func(int) string
	}{"ingressHosts": {"ingressHosts", ingresses}, "podDisruptionBudgets": {"podDisruptionBudgets", budgets}} {
		for _, n := range []int{2500, 5000, 10_000} {
			text := of.text(n)
			c, err := config.Parse([]byte("apiVersion: hookstrap.dev/v1alpha1\nkind: CheckConfiguration\nchecks: {"+of.check+": {}}\n"),
				check.Definitions())
			if err != nil {
				b.Fatal(err)
			}
			b.Run(fmt.Sprintf("%s/%d", name, n), func(b *testing.B) {
				for b.Loop() {
					_, err := Judge(b.Context(), Options{Paths: []string{stdin}, Input: strings.NewReader(text), Scheme: scheme.Scheme, Configuration: c})
					if err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}
