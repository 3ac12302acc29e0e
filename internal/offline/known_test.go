// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package offline

import (
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/kubernetes/scheme"
)

// What no API server takes must not pass because no check knows it.
func TestWhatNoAPIServerTakes(t *testing.T) {
	const head = "metadata: {name: x, labels: {team: x}}\n"
	for manifest, want := range map[string]string{
		"apiVersion: v1\nkind: pod\n":                        "denied: pod \"x\" in namespace \"default\": Kubernetes has no kind pod in v1",
		"apiVersion: extensions/v1beta1\nkind: Deployment\n": "since version 1.16",
		"apiVersion: v1\nkind: Pod\nspec: {containers: [{name: a, command: sh}]}\n": "denied: Pod \"x\" in namespace " +
			"\"default\": it is no Pod: spec.containers.command must be of type list and is of type string",
		"apiVersion: v1\nkind: Pod\nspec: {containers: [{name: a, Image: b}]}\n": "warning: Pod \"x\" in namespace " +
			"\"default\": unknown field \"spec.containers[0].Image\"",
		"apiVersion: v1\nkind: Pod\nspec: {containers: [{name: a, image: b}]}\n":  "0 denied, 0 warnings",
		"apiVersion: gateway.networking.k8s.io/v1\nkind: Gateway\nspec: {a: 1}\n": "0 denied, 0 warnings",
	} {
		if got := text(t, judge(t, "{}", map[string]string{"a.yaml": manifest + head})); !strings.Contains(got, want) {
			t.Errorf("%s: got %s", manifest, got)
		}
	}
}

// An author's type has the fields that a check looks at, and says nothing of what else there is in its group.
func TestTypesOfAuthorsAreNoneOfKubernetes(t *testing.T) {
	for _, group := range []string{"farm.example", "gateway.networking.k8s.io"} {
		authors := runtime.NewScheme()
		if err := scheme.AddToScheme(authors); err != nil {
			t.Fatal(err)
		}
		version := schema.GroupVersion{Group: group, Version: "v1"}
		authors.AddKnownTypeWithName(version.WithKind("Ox"), &metav1.PartialObjectMetadata{})
		for name, head := range map[string]string{
			"a field that it lacks": "/v1\nkind: Ox\n", "another version": "/v2\nkind: Ox\n", "another kind": "/v1\nkind: Cow\n",
		} {
			manifest := "apiVersion: " + group + head + "metadata: {name: x, labels: {team: x}}\nspec: {a: 1}\n"
			report := judge(t, "{}", map[string]string{"a.yaml": manifest}, func(o *Options) { o.Scheme = authors })
			if got := text(t, report); !strings.Contains(got, "0 denied, 0 warnings") {
				t.Errorf("%s of %s: got %s", name, group, got)
			}
		}
	}
}
