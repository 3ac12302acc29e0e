// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package audit

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const (
	latest     = `spec: {containers: [{name: a, image: "registry.example/a:latest"}]}`
	deployment = "metadata: {name: web, namespace: shop}\nspec: {template: {metadata: {labels: {app: web}}, " + latest + "}}\n"
	replicaSet = "metadata: {name: web-1, namespace: shop, ownerReferences: [{apiVersion: apps/v1, kind: Deployment, " +
		"name: web, controller: true}]}\n"
	pod = "metadata: {name: web-1-a, namespace: shop, labels: {app: web}, ownerReferences: [{apiVersion: apps/v1, " +
		"kind: ReplicaSet, name: web-1, controller: true}]}\n" + latest + "\n"
)

// lines are results as text: what was not judged, and each finding.
func lines(results []Result) []string {
	var all []string
	for _, r := range results {
		name := fmt.Sprintf("%s %s/%s", r.Object.Kind.Kind, r.Object.Namespace, r.Object.Name)
		if r.Owner != r.Object {
			name += " of " + r.Owner.Kind.Kind + " " + r.Owner.Name
		}
		if r.Left != "" {
			all = append(all, name+": "+string(r.Left))
		}
		for _, f := range r.Findings {
			all = append(all, fmt.Sprintf("%s: %s %s %s by %s", name, f.Check, f.Field, f.Effect, f.Webhook))
		}
		for check := range r.Exempted {
			all = append(all, name+": exempt from "+check)
		}
	}
	return all
}

func TestOwnersAreJudgedOnce(t *testing.T) {
	f := &fake{objects: map[string][]string{
		"deployments": {deployment}, "replicasets": {replicaSet},
		"pods": {pod, strings.Replace(pod, "web-1-a", "web-1-b", 1)},
	}}
	results, errs := judge(t, f, "{}")
	want := []string{"Deployment shop/web: imageTag spec.template.spec.containers[0].image podsDenied by workloads"}
	if diff := cmp.Diff(want, lines(results)); diff != "" || errs != nil {
		t.Errorf("(-want +got):\n%s%v", diff, errs)
	}
}
