// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package check

import (
	"testing"

	admissionv1 "k8s.io/api/admission/v1"
)

func TestReplicaLimits(t *testing.T) {
	const params = `{min: 2, max: 5}`
	object := func(group, kind, rest string) string {
		return `{apiVersion: ` + group + `, kind: ` + kind + `, ` + rest + `}`
	}
	few := func(field, n string) []string {
		return []string{"spec." + field + ": " + field + ": " + n + " is too few; the smallest number is 2"}
	}
	many := func(field, n string) string {
		return "spec." + field + ": " + field + ": " + n + " is too many; the largest number is 5"
	}
	const owned = `metadata: {ownerReferences: [{apiVersion: apps/v1, kind: Deployment, name: d, uid: u, controller: true}]}, `
	testRows(t, "replicaLimits", map[string]row{
		"smallest":      {params: params, object: object("apps/v1", "Deployment", `spec: {replicas: 2}`)},
		"largest":       {params: params, object: object("apps/v1", "StatefulSet", `spec: {replicas: 5}`)},
		"too few":       {params: params, object: object("apps/v1", "Deployment", `spec: {replicas: 1}`), want: few("replicas", "1")},
		"not said":      {params: params, object: object("apps/v1", "Deployment", `spec: {}`), want: few("replicas", "1")},
		"off":           {params: params, object: object("apps/v1", "Deployment", `spec: {replicas: 0}`)},
		"never off":     {params: `{min: 2, allowZero: false}`, object: object("apps/v1", "Deployment", `spec: {replicas: 0}`), want: few("replicas", "0")},
		"too many":      {params: params, object: object("apps/v1", "StatefulSet", `spec: {replicas: 6}`), want: []string{many("replicas", "6")}},
		"no largest":    {object: object("apps/v1", "StatefulSet", `spec: {replicas: 6000}`)},
		"controller":    {params: params, object: object("v1", "ReplicationController", `spec: {replicas: 6}`), want: []string{many("replicas", "6")}},
		"ReplicaSet":    {params: params, object: object("apps/v1", "ReplicaSet", `spec: {replicas: 1}`), want: few("replicas", "1")},
		"of Deployment": {params: params, object: object("apps/v1", "ReplicaSet", owned+`spec: {replicas: 1}`)},
		"DaemonSet":     {params: params, object: object("apps/v1", "DaemonSet", `spec: {}`)},
		"Scale":         {params: params, object: object("autoscaling/v1", "Scale", `spec: {replicas: 6}`), want: []string{many("replicas", "6")}},
		"Scale to none": {params: params, object: object("autoscaling/v1", "Scale", `spec: {}`)},
		"autoscaler":    {params: params, object: object("autoscaling/v2", "HorizontalPodAutoscaler", `spec: {minReplicas: 2, maxReplicas: 5}`)},
		"autoscaler beyond": {params: params, object: object("autoscaling/v2", "HorizontalPodAutoscaler", `spec: {maxReplicas: 9}`),
			want: append(few("minReplicas", "1"), many("maxReplicas", "9"))},
		"somebody's": {params: params, object: object("example.com/v1", "Deployment", `spec: {replicas: 99}`)},
	})
	testInvalid(t, "replicaLimits", `{min: -1, max: -2}`, "p.min", "p.max")
	testInvalid(t, "replicaLimits", `{min: 3, max: 2}`, "p.max")
}

// Scaling goes by another door than writing the number down.
func TestReplicaLimitsByScale(t *testing.T) {
	check := built(t, definition(t, "replicaLimits"), `max: 5`)
	scale := func(n, old string) bool {
		req := requestOf(t, admissionv1.Update, `{apiVersion: autoscaling/v1, kind: Scale, metadata: {name: web}, spec: {replicas: `+n+`}}`)
		req.OldObject = requestOf(t, admissionv1.Update, `{apiVersion: autoscaling/v1, kind: Scale, spec: {replicas: `+old+`}}`).Object
		req.Resource.Group, req.Resource.Resource, req.SubResource = "apps", "deployments", "scale"
		return answer(t, check, req).Allowed
	}
	for _, tt := range []struct {
		to, from string
		want     bool
	}{{"5", "2", true}, {"6", "2", false}, {"6", "6", true}, {"0", "6", true}, {"1", "2", false},
		{"6", "9", true}, {"9", "6", false}, {"1", "0", false}, {"1", "6", false}} {
		if got := scale(tt.to, tt.from); got != tt.want {
			t.Errorf("from %s to %s: allowed: %t", tt.from, tt.to, got)
		}
	}
}

func TestReplicaLimitsGetCloser(t *testing.T) {
	deployment := func(n string) string {
		return `{apiVersion: apps/v1, kind: Deployment, metadata: {name: web, namespace: shop}, spec: {replicas: ` + n + `}}`
	}
	hpa := func(least, most string) string {
		return `{apiVersion: autoscaling/v2, kind: HorizontalPodAutoscaler, metadata: {name: web, namespace: shop}, ` +
			`spec: {minReplicas: ` + least + `, maxReplicas: ` + most + `}}`
	}
	const params = `{min: 5, max: 20}`
	testUpdate(t, "replicaLimits", params, deployment("200"), deployment("100"), true)
	testUpdate(t, "replicaLimits", params, deployment("100"), deployment("200"), false)
	testUpdate(t, "replicaLimits", params, deployment("2"), deployment("3"), true)
	testUpdate(t, "replicaLimits", params, deployment("3"), deployment("2"), false)
	testUpdate(t, "replicaLimits", params, deployment("200"), deployment("2"), false)
	testUpdate(t, "replicaLimits", params, hpa("1", "90"), hpa("2", "80"), true)
	testUpdate(t, "replicaLimits", params, hpa("1", "80"), hpa("1", "90"), false)
}

// An owner is easily written down.
func TestReplicaSetsOfDeployments(t *testing.T) {
	const controller = "system:serviceaccount:kube-system:deployment-controller"
	for _, tt := range []struct {
		owner, user string
		want        bool
	}{
		{"apps/v1, kind: Deployment", controller, true},
		{"apps/v1, kind: Deployment", "system:kube-controller-manager", true},
		{"apps/v1, kind: Deployment", "jane", false},
		{"example.com/v1, kind: Deployment", controller, false},
		{"example.com/v1, kind: Rollout", controller, false},
	} {
		req := requestOf(t, admissionv1.Create, `{apiVersion: apps/v1, kind: ReplicaSet, metadata: {name: web, ownerReferences: [
			{apiVersion: `+tt.owner+`, name: d, uid: u, controller: true}]}, spec: {replicas: 200}}`)
		req.UserInfo.Username = tt.user
		if got := answer(t, built(t, definition(t, "replicaLimits"), `max: 5`), req); got.Allowed != tt.want {
			t.Errorf("%+v: allowed: %t", tt, got.Allowed)
		}
	}
}
