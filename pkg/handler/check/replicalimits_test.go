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
	}{{"5", "2", true}, {"6", "2", false}, {"6", "6", true}, {"0", "6", true}, {"1", "2", false}} {
		if got := scale(tt.to, tt.from); got != tt.want {
			t.Errorf("from %s to %s: allowed: %t", tt.from, tt.to, got)
		}
	}
}
