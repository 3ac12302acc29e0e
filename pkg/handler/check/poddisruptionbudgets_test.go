// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package check

import (
	"strings"
	"testing"

	admissionv1 "k8s.io/api/admission/v1"
	appsv1 "k8s.io/api/apps/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/hookstrap/hookstrap/pkg/handler"
)

func TestPodDisruptionBudgets(t *testing.T) {
	budget := func(spec string) string {
		return `{apiVersion: policy/v1, kind: PodDisruptionBudget, metadata: {namespace: shop}, spec: {selector: {matchLabels: {app: web}}, ` + spec + `}}`
	}
	unavailable := func(value string) []string {
		return []string{"spec.maxUnavailable: maxUnavailable: " + value + " blocks every eviction; let at least 1 be unavailable"}
	}
	available := func(value string) []string {
		return []string{"spec.minAvailable: minAvailable: " + value + " blocks every eviction; use maxUnavailable: 1"}
	}
	web := map[string]string{"app": "web"}
	three := []client.Object{
		workload(&appsv1.Deployment{}, "shop", web, new(int32(2))), workload(&appsv1.StatefulSet{}, "shop", web, nil),
		workload(&appsv1.Deployment{}, "other", web, new(int32(9))),
		workload(&appsv1.Deployment{}, "shop", map[string]string{"app": "db"}, new(int32(9))),
	}
	testRows(t, "podDisruptionBudgets", map[string]row{
		"one may go":           {object: budget(`maxUnavailable: 1`)},
		"none may go":          {object: budget(`maxUnavailable: 0`), want: unavailable("0")},
		"0 %":                  {object: budget(`maxUnavailable: "0%"`), want: unavailable("0%")},
		"1 % is rounded up":    {object: budget(`maxUnavailable: "1%"`), cluster: three},
		"all have to stay":     {object: budget(`minAvailable: "100%"`), want: available("100%")},
		"100 is no percentage": {object: budget(`minAvailable: 100`)},
		"nobody there yet":     {object: budget(`minAvailable: 1`)},
		"two of three":         {object: budget(`minAvailable: 2`), cluster: three},
		"three of three":       {object: budget(`minAvailable: 3`), cluster: three, want: available("3 of 3 replicas")},
		"four of three":        {object: budget(`minAvailable: 4`), cluster: three, want: available("4 of 3 replicas")},
		"67 % of three":        {object: budget(`minAvailable: "67%"`), cluster: three, want: available("67% of 3 replicas")},
		"66 % of three":        {object: budget(`minAvailable: "66%"`), cluster: three},
		"not counted":          {params: `countReplicas: false`, object: budget(`minAvailable: 3`), cluster: three},
		"one of one": {
			object:  budget(`minAvailable: 1`),
			cluster: []client.Object{workload(&appsv1.Deployment{}, "shop", web, nil)}, want: available("1 of 1 replica"),
		},
		"switched off": {
			object:  budget(`minAvailable: 1`),
			cluster: []client.Object{workload(&appsv1.Deployment{}, "shop", web, new(int32(0)))},
		},
		"says nothing": {object: `{apiVersion: policy/v1, kind: PodDisruptionBudget, spec: {}}`},
		"selects all": {
			object:  `{apiVersion: policy/v1, kind: PodDisruptionBudget, metadata: {namespace: shop}, spec: {selector: {}, minAvailable: 12}}`,
			cluster: three, want: available("12 of 12 replicas"),
		},
		"selects none": {
			object:  `{apiVersion: policy/v1, kind: PodDisruptionBudget, metadata: {namespace: shop}, spec: {minAvailable: 12}}`,
			cluster: three,
		},
	})
}

func workload(obj client.Object, namespace string, labels map[string]string, replicas *int32) client.Object {
	switch o := obj.(type) {
	case *appsv1.Deployment:
		o.Spec.Template.Labels, o.Spec.Replicas = labels, replicas
	case *appsv1.StatefulSet:
		o.Spec.Template.Labels, o.Spec.Replicas = labels, replicas
	}
	obj.SetNamespace(namespace)
	return obj
}

// What cannot be looked up is not taken for granted.
func TestChecksThatNeedACluster(t *testing.T) {
	tests := map[string]struct{ params, object string }{
		"podDisruptionBudgets": {"", `{apiVersion: policy/v1, kind: PodDisruptionBudget, spec: {minAvailable: 1}}`},
		"ingressHosts":         {"", `{apiVersion: networking.k8s.io/v1, kind: Ingress, spec: {}}`},
		"podSecurity":          {`rules: [{namespaceSelector: {}, level: privileged}]`, podSpec(`{}`)},
	}
	for name, tt := range tests {
		d := definition(t, name)
		check := built(t, d, tt.params)
		if _, err := check.Evaluate(t.Context(), requestOf(t, admissionv1.Create, tt.object)); err != nil && name != "podSecurity" {
			t.Errorf("%s with a cluster: %v", name, err)
		}
		p := d.NewParameters()
		mustUnmarshal(t, tt.params, p)
		check, err := d.Build(p, handler.Environment{})
		if err != nil {
			t.Fatal(err)
		}
		_, err = check.Evaluate(t.Context(), requestOf(t, admissionv1.Create, tt.object))
		if err == nil || !strings.Contains(err.Error(), "no cluster") {
			t.Errorf("%s without a cluster: got %v", name, err)
		}
	}
}

// A type is watched only if the parameters have it looked up.
func TestReadsFollowTheParameters(t *testing.T) {
	for _, tt := range []struct {
		name, params string
		want         int
	}{
		{"podSecurity", "", 0},
		{"podSecurity", "rules: [{namespaceSelector: {}, level: baseline}]", 1},
		{"ingressHosts", "", 1},
		{"ingressHosts", "unique: host", 1},
		{"ingressHosts", "unique: none", 0},
		{"podDisruptionBudgets", "", 2},
		{"podDisruptionBudgets", "countReplicas: false", 0},
		{"privileged", "", 0},
	} {
		d := definition(t, tt.name)
		p := d.NewParameters()
		mustUnmarshal(t, tt.params, p)
		if got := d.ReadsFor(p); len(got) != tt.want {
			t.Errorf("%s {%s} reads %d types, want %d", tt.name, tt.params, len(got), tt.want)
		}
	}
}
