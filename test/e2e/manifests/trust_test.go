// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package manifests_test

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	"k8s.io/apimachinery/pkg/labels"
	psaapi "k8s.io/pod-security-admission/api"
	psapolicy "k8s.io/pod-security-admission/policy"
)

// The Deployment of `webhook trust` is let in by its namespace, finds its own replicas, and is of the version of the base.
func TestTrustDeployment(t *testing.T) {
	d, ok := decode(t, "trust/deployment.yaml").(*appsv1.Deployment)
	if !ok {
		t.Fatal("trust/deployment.yaml is no Deployment")
	}
	template := d.Spec.Template
	evaluator, err := psapolicy.NewEvaluator(psapolicy.DefaultChecks(), nil)
	if err != nil {
		t.Fatal(err)
	}
	level := psaapi.LevelVersion{Level: psaapi.LevelRestricted, Version: psaapi.LatestVersion()}
	result := psapolicy.AggregateCheckResults(evaluator.EvaluatePod(level, &template.ObjectMeta, &template.Spec))
	if !result.Allowed {
		t.Errorf("the Pods are not restricted: %s", result.ForbiddenDetail())
	}
	args := template.Spec.Containers[0].Args
	const flag = "--replicas="
	i := slices.IndexFunc(args, func(arg string) bool { return strings.HasPrefix(arg, flag) })
	if i < 0 {
		t.Fatalf("the arguments are %v, want %sSELECTOR", args, flag)
	}
	selector, err := labels.Parse(strings.TrimPrefix(args[i], flag))
	if err != nil || selector.Empty() || !selector.Matches(labels.Set(template.Labels)) {
		t.Errorf("%s does not select the Pods: %v", args[i], err)
	}
	tag := regexp.MustCompile(`newTag: \S+`)
	if got, want := tag.Find(read(t, "trust/kustomization.yaml")), tag.Find(read(t, "base/kustomization.yaml")); string(got) !=
		string(want) || len(want) == 0 {
		t.Errorf("the tag of the image is %q, want %q as in the base", got, want)
	}
}
