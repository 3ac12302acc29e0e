// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package audit

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// An exemption of a workload counts for its Pods if the controller of its kind creates them, under the name that it gives.
func TestExemptWorkloadsOfEveryKind(t *testing.T) {
	for resource, controller := range map[string]string{ // which makes the Pods
		"deployments.apps": "replicaset", "replicasets.apps": "replicaset", "statefulsets.apps": "statefulset",
		"daemonsets.apps": "daemon-set", "jobs.batch": "job", "cronjobs.batch": "job", "replicationcontrollers": "replication",
	} {
		template := "template: {spec: %s}"
		if resource == "cronjobs.batch" {
			template = "jobTemplate: {spec: {template: {spec: %s}}}"
		}
		t.Run(resource, func(t *testing.T) {
			name, group, _ := strings.Cut(resource, ".")
			f := &fake{objects: map[string][]string{
				name: {"metadata: {name: it, namespace: shop}\nspec: {" + fmt.Sprintf(template, latest) + "}\n"},
			}}
			const checks = "{podSecurity: {mode: off}, imageTag: {exempt: {objects: [{kinds: [%s], names: [it], namespaces: [%s], reason: A}]}}}"
			askAll := func(o *Options) {
				o.Asked = askedBy(t, fmt.Sprintf(`webhooks: [{name: all, rules: [{apiGroups: ["%s"], apiVersions: [v1], operations: [CREATE], `+
					`resources: [%s]}, {apiGroups: [""], apiVersions: [v1], operations: [CREATE], resources: [pods]}]}]`, group, name))
			}
			results, _ := judge(t, f, fmt.Sprintf(checks, resource, "shop"), askAll)
			if len(results) != 1 || len(results[0].Findings) > 0 || results[0].Exempted["imageTag"] == "" {
				t.Errorf("exempt: got %v", lines(results))
			}
			results, _ = judge(t, f, fmt.Sprintf(checks, resource, "other"), askAll)
			if len(results) != 1 || len(results[0].Findings) != 1 || results[0].Findings[0].Effect != PodsDenied {
				t.Errorf("not exempt: got %v", lines(results))
			}
			user := "system:serviceaccount:kube-system:" + controller + "-controller"
			results, _ = judge(t, f, "{podSecurity: {mode: off}, imageTag: {exempt: {users: ["+user+"]}}}", askAll)
			if len(results) != 1 || results[0].Exempted["imageTag"] != "user: "+user {
				t.Errorf("not made by %s: got %v", user, lines(results))
			}
		})
	}
}

// An object may be exempt from one check, and the Pods that its controller makes from another.
func TestExemptionsOfObjectsAndOfTheirPods(t *testing.T) {
	const user = "system:serviceaccount:kube-system:replicaset-controller"
	results, _ := judge(t, &fake{objects: map[string][]string{"deployments": {deployment}}},
		"{podSecurity: {exempt: {users: [me]}}, imageTag: {mode: warn, exempt: {users: ["+user+"]}}}",
		func(o *Options) { o.User.Username = "me" })
	want := map[string]string{"podSecurity": "user: me", "imageTag": "user: " + user}
	if len(results) != 1 {
		t.Fatalf("got %v", lines(results))
	}
	if diff := cmp.Diff(want, results[0].Exempted); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// A Namespace is in itself, as in a review.
func TestNamespacesAreInThemselves(t *testing.T) {
	f := &fake{objects: map[string][]string{"namespaces": {"metadata: {name: shop}\n", "metadata: {name: other}\n"}}}
	results, _ := judge(t, f, "{requiredLabels: {labels: [{key: team}], exempt: {namespaces: [shop]}}}", func(o *Options) {
		o.Asked = askedBy(t, `webhooks: [{name: a, rules: [{apiGroups: [""], apiVersions: [v1], operations: [CREATE], resources: [namespaces]}]}]`)
	})
	want := []string{
		"Namespace /shop: exempt from requiredLabels: namespace: shop",
		"Namespace /other: requiredLabels metadata.labels[team] creationDenied by a",
	}
	if diff := cmp.Diff(want, lines(results)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// noLookups are those of a user who may list nothing that checks look up.
type noLookups struct{ client.Reader }

func (noLookups) Add(context.Context, ...client.Object) error { return errors.New("forbidden") }

// A check that cannot look anything up is left out, which is said once, and the others judge.
func TestChecksThatCannotLookUp(t *testing.T) {
	f := &fake{objects: map[string][]string{"deployments": {deployment, deployment}}, lookup: noLookups{}}
	results, errs := judge(t, f, "{podSecurity: {mode: off}, replicaLimits: {min: 2}}")
	if len(errs) != 1 || errs[0].Error() != "not judged by replicaLimits, which look up HorizontalPodAutoscaler.autoscaling objects: forbidden" {
		t.Errorf("got %v", errs)
	}
	for _, r := range results {
		if len(r.Findings) != 1 || r.Findings[0].Check != "imageTag" {
			t.Errorf("got %v", lines(results))
		}
	}
}
