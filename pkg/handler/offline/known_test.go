// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package offline

import (
	"strings"
	"testing"
)

// What no API server takes must not pass because no check knows it.
func TestWhatNoAPIServerTakes(t *testing.T) {
	const head = "metadata: {name: x, labels: {team: x}}\n"
	for manifest, want := range map[string]string{
		"apiVersion: v1\nkind: pod\n":                        "denied: pod \"x\" in namespace \"default\": Kubernetes has no kind pod in v1",
		"apiVersion: extensions/v1beta1\nkind: Deployment\n": "since version 1.16",
		"apiVersion: v1\nkind: Pod\nspec: {containers: [{name: a, command: sh}]}\n": "denied: Pod \"x\" in namespace " +
			"\"default\": it is no Pod: json: cannot unmarshal",
		"apiVersion: v1\nkind: Pod\nspec: {containers: [{name: a, Image: b}]}\n": "warning: Pod \"x\" in namespace " +
			"\"default\": unknown field \"spec.containers[0].Image\"",
		"apiVersion: v1\nkind: Pod\nspec: {containers: [{name: a, image: b}]}\n":  "0 denied, 0 warnings",
		"apiVersion: gateway.networking.k8s.io/v1\nkind: Gateway\nspec: {a: 1}\n": "0 denied, 0 warnings",
		"apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\n":      "0 denied, 0 warnings",
	} {
		if got := text(t, judge(t, "{}", map[string]string{"a.yaml": manifest + head})); !strings.Contains(got, want) {
			t.Errorf("%s: got %s", manifest, got)
		}
	}
}
