// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package offline

import (
	"strings"
	"testing"

	autoscalingv2 "k8s.io/api/autoscaling/v2"

	"github.com/hookstrap/hookstrap/pkg/handler/check"
	"github.com/hookstrap/hookstrap/pkg/handler/config"
)

const oldAutoscaler = `apiVersion: autoscaling/v1
kind: HorizontalPodAutoscaler
metadata:
  name: web
spec:
  scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: web}
  minReplicas: 2
  maxReplicas: 50
  targetCPUUtilizationPercentage: 70
`

const budgetOfTwo = `---
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata: {name: web}
spec: {minAvailable: 2, selector: {matchLabels: {app: web}}}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: 9
  selector: {matchLabels: {app: web}}
  template: {metadata: {labels: {app: web}}, spec: {containers: [{name: web, image: registry.example/web:1}]}}
`

// A cluster serves autoscaling/v1 still, and converts it for the server.
func TestOldAutoscalersAreJudgedAsInACluster(t *testing.T) {
	checks, err := config.Parse([]byte("apiVersion: hookstrap.dev/v1alpha1\nkind: CheckConfiguration\nchecks:\n"+
		"  replicaLimits: {mode: deny, max: 10}\n  podDisruptionBudgets: {mode: deny}\n"), check.Definitions())
	if err != nil {
		t.Fatal(err)
	}
	report := judge(t, "{}", map[string]string{"a.yaml": oldAutoscaler + budgetOfTwo},
		func(o *Options) { o.Configuration = checks })
	if len(report.Findings) != 2 {
		t.Fatalf("got %s", text(t, report))
	}
	for i, want := range []Finding{
		{Line: 8, APIVersion: "autoscaling/v1", Check: "replicaLimits", Field: "spec.maxReplicas"},
		{Line: 14, APIVersion: "policy/v1", Check: "podDisruptionBudgets", Field: "spec.minAvailable"},
	} {
		got := report.Findings[i]
		if got.Line != want.Line || got.APIVersion != want.APIVersion || got.Check != want.Check || got.Field != want.Field {
			t.Errorf("got %+v, want %+v", got, want)
		}
	}
}

func TestTheTargetOfAnOldAutoscalerBecomesAMetric(t *testing.T) {
	kind := autoscalingv2.SchemeGroupVersion.WithKind("HorizontalPodAutoscaler")
	o := object{kind: kind.GroupKind().WithVersion("v1"), raw: []byte(
		`{"apiVersion":"autoscaling/v1","kind":"HorizontalPodAutoscaler","spec":{"maxReplicas":3,` +
			`"targetCPUUtilizationPercentage":70},"status":{"currentCPUUtilizationPercentage":1}}`)}.equivalent()
	var got autoscalingv2.HorizontalPodAutoscaler
	if err := o.into(&got); err != nil {
		t.Fatal(err)
	}
	if o.kind != kind || got.APIVersion != kind.GroupVersion().String() || strings.Contains(string(o.raw), "Percentage") {
		t.Errorf("got %s in %s", o.raw, o.kind)
	}
	if len(got.Spec.Metrics) != 1 || *got.Spec.Metrics[0].Resource.Target.AverageUtilization != 70 || got.Spec.MaxReplicas != 3 {
		t.Errorf("got %+v", got.Spec)
	}
}

// An API server converts HTTPRoutes of v1beta1 for the server, whose rules name v1.
func TestOldRoutesAreJudgedAsInACluster(t *testing.T) {
	checks, err := config.Parse([]byte("apiVersion: hookstrap.dev/v1alpha1\nkind: CheckConfiguration\nchecks:\n"+
		"  ingressHosts: {mode: deny, requireTLS: false, gatewayKinds: [HTTPRoute]}\n"), check.Definitions())
	if err != nil {
		t.Fatal(err)
	}
	routed := func(version, namespace string) string {
		return "apiVersion: gateway.networking.k8s.io/" + version + "\nkind: HTTPRoute\nmetadata: {name: web, namespace: " +
			namespace + "}\nspec: {hostnames: [a.example], rules: [{}]}\n"
	}
	report := judge(t, "{}", map[string]string{"a.yaml": routed("v1beta1", "one") + "---\n" + routed("v1", "two")},
		func(o *Options) { o.Configuration = checks })
	if len(report.Findings) != 2 {
		t.Fatalf("got %s", text(t, report))
	}
	for i, version := range []string{"v1beta1", "v1"} {
		if got := report.Findings[i]; got.APIVersion != "gateway.networking.k8s.io/"+version || got.Field != "spec.rules[0]" ||
			!strings.Contains(got.Message, `path / of host a.example is taken by HTTPRoute "web"`) {
			t.Errorf("got %+v", got)
		}
	}
}
