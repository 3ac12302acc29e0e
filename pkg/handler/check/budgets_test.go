// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package check

import (
	"context"
	"fmt"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/hookstrap/hookstrap/internal/view"
	"github.com/hookstrap/hookstrap/pkg/handler"
)

// selectedReplicas are the replicas of selectedWorkloads alone.
func selectedReplicas(
	ctx context.Context, env handler.Environment, namespace string, selector *metav1.LabelSelector,
) (replicas, error) {
	c, err := selectedWorkloads(ctx, env, namespace, selector)
	if err != nil {
		return replicas{}, err
	}
	return c.replicas, nil
}

// budget is a PodDisruptionBudget of the namespace shop with a selector in YAML.
func budget(t testing.TB, name, selector string) *policyv1.PodDisruptionBudget {
	t.Helper()
	o := &policyv1.PodDisruptionBudget{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: name}}
	mustUnmarshal(t, `{spec: {selector: `+selector+`}}`, o)
	o.Namespace, o.Name = "shop", name
	return o
}

// The eviction of a Pod that has two budgets fails, whatever they say.
func TestTwoBudgetsOfTheSamePods(t *testing.T) {
	of := func(name, selector string) string {
		return `{apiVersion: policy/v1, kind: PodDisruptionBudget, metadata: {name: ` + name + `, namespace: shop}, ` +
			`spec: {maxUnavailable: 1, selector: ` + selector + `}}`
	}
	const web = `{matchLabels: {app: web}}`
	labeled := func(set map[string]string) client.Object {
		return workload(&appsv1.Deployment{}, "shop", set, ptr.To(int32(3)))
	}
	for title, tt := range map[string]struct {
		other, own string
		cluster    []client.Object
		rival      bool
	}{
		"the same":                         {other: web, own: web, rival: true},
		"the same, in other words":         {other: `{matchExpressions: [{key: app, operator: In, values: [web]}]}`, own: web, rival: true},
		"a wider one":                      {other: web, own: `{matchLabels: {app: web, tier: front}}`, rival: true},
		"a narrower one":                   {other: `{matchLabels: {app: web, tier: front}}`, own: web, rival: true},
		"one for all":                      {other: `{}`, own: web, rival: true},
		"for all, beside one":              {other: web, own: `{}`, rival: true},
		"more values":                      {other: `{matchExpressions: [{key: app, operator: In, values: [db, web]}]}`, own: web, rival: true},
		"any value":                        {other: `{matchExpressions: [{key: app, operator: Exists}]}`, own: web, rival: true},
		"any value but others":             {other: `{matchExpressions: [{key: app, operator: NotIn, values: [db]}]}`, own: web, rival: true},
		"another":                          {other: `{matchLabels: {app: db}}`, own: web},
		"not that value":                   {other: `{matchExpressions: [{key: app, operator: NotIn, values: [web]}]}`, own: web},
		"nothing":                          {other: `null`, own: web},
		"nothing, beside one":              {other: web, own: `null`},
		"maybe, and no Pods are known":     {other: `{matchLabels: {tier: front}}`, own: web},
		"maybe, and Pods that it is about": {other: `{matchLabels: {tier: front}}`, own: web, cluster: []client.Object{labeled(map[string]string{"app": "web", "tier": "front"})}, rival: true},
		"maybe, and other Pods":            {other: `{matchLabels: {tier: front}}`, own: web, cluster: []client.Object{labeled(map[string]string{"app": "web", "tier": "back"})}},
	} {
		t.Run(title, func(t *testing.T) {
			cluster := append(tt.cluster, budget(t, "old", tt.other))
			var want []string
			if tt.rival {
				want = []string{`spec.selector: PodDisruptionBudget "old" selects the same Pods, none of which can then be evicted; keep one`}
			}
			testRows(t, "podDisruptionBudgets", map[string]row{
				"new":         {object: of("new", tt.own), cluster: cluster, want: want},
				"itself":      {object: of("old", tt.own), cluster: cluster},
				"not counted": {params: `countReplicas: false`, object: of("new", tt.own), cluster: cluster},
			})
		})
	}
	elsewhere := budget(t, "old", web)
	elsewhere.Namespace = "other"
	testRows(t, "podDisruptionBudgets", map[string]row{"another namespace": {object: of("new", web), cluster: []client.Object{elsewhere}}})
}

// How many budgets are looked at depends on the label that the fewest ask for.
func TestRivalsCostWhatTheyHaveInCommon(t *testing.T) {
	for _, n := range []int{1000, 8000} {
		cluster, looks := newIndexed(), 0
		w := cluster.writer(t, budgets())
		for i := range n {
			w.Set(budget(t, fmt.Sprint("web-", i), fmt.Sprintf(`{matchLabels: {app: web-%d, env: prod}}`, i)))
		}
		find, err := finderOf(t.Context(), handler.Environment{Cluster: cluster}, budgets())
		if err != nil {
			t.Fatal(err)
		}
		counted := func(q view.Query, visit func(view.Found[string]) bool) error {
			return find(q, func(found view.Found[string]) bool {
				looks++
				return visit(found)
			})
		}
		own := labels.SelectorFromSet(labels.Set{"app": "new", "env": "prod"})
		found, err := rivals{"shop", "new", own, counted}.of(t.Context(), []pairs{{"app", "new", "env", "prod"}})
		if found != "" || err != nil || looks > 4*fewAtFirst {
			t.Errorf("of %d budgets %d were looked at: found %q, %v", n, looks, found, err)
		}
	}
}

// What an autoscaler decides about is not too few because nothing is written down.
func TestReplicaLimitsOfWhatIsAutoscaled(t *testing.T) {
	scaler := func(bounds string) []client.Object {
		o := &autoscalingv2.HorizontalPodAutoscaler{}
		mustUnmarshal(t, `{spec: {scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: web}, `+bounds+`}}`, o)
		o.Namespace = "shop"
		return []client.Object{o}
	}
	const params = `{min: 2, max: 20}`
	deployment := func(spec string) string {
		return `{apiVersion: apps/v1, kind: Deployment, metadata: {name: web, namespace: shop}, spec: ` + spec + `}`
	}
	few := `spec.replicas: replicas: 1 is too few`
	testRows(t, "replicaLimits", map[string]row{
		"nothing written":   {params: params, object: deployment(`{}`), cluster: scaler(`minReplicas: 3`)},
		"too few written":   {params: params, object: deployment(`{replicas: 1}`), cluster: scaler(`minReplicas: 3`)},
		"not counted":       {params: `{min: 2, countAutoscalers: false}`, object: deployment(`{}`), cluster: scaler(`minReplicas: 3`), want: []string{few + "; the smallest number is 2"}},
		"too many written":  {params: params, object: deployment(`{replicas: 200}`), cluster: scaler(`minReplicas: 3`), want: []string{"spec.replicas: replicas: 200 is too many; the largest number is 20"}},
		"too few, as well":  {params: params, object: deployment(`{}`), cluster: scaler(`minReplicas: 1`), want: []string{few + ", and the minReplicas of its HorizontalPodAutoscaler, 1, as well; the smallest number is 2"}},
		"switched off":      {params: `{min: 2, allowZero: false}`, object: deployment(`{replicas: 0}`), cluster: scaler(`minReplicas: 3`), want: []string{"spec.replicas: replicas: 0 is too few; the smallest number is 2"}},
		"another's":         {params: params, object: `{apiVersion: apps/v1, kind: StatefulSet, metadata: {name: web, namespace: shop}, spec: {}}`, cluster: scaler(`minReplicas: 3`), want: []string{few + "; the smallest number is 2"}},
		"another namespace": {params: params, object: `{apiVersion: apps/v1, kind: Deployment, metadata: {name: web, namespace: other}, spec: {}}`, cluster: scaler(`minReplicas: 3`), want: []string{few + "; the smallest number is 2"}},
	})
	req := requestOf(t, "UPDATE", `{apiVersion: autoscaling/v1, kind: Scale, metadata: {name: web, namespace: shop}, spec: {replicas: 1}}`)
	req.OldObject = requestOf(t, "UPDATE", `{apiVersion: autoscaling/v1, kind: Scale, spec: {replicas: 4}}`).Object
	req.Resource.Group, req.Resource.Resource, req.SubResource = "apps", "deployments", "scale"
	for least, want := range map[string]bool{"minReplicas: 3": true, "minReplicas: 1": false} {
		if got := answer(t, built(t, definition(t, "replicaLimits"), params, scaler(least)...), req); got.Allowed != want {
			t.Errorf("scaled to 1 with %s: allowed: %t", least, got.Allowed)
		}
	}
}
