// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package manifests_test

import (
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"sigs.k8s.io/yaml"

	"github.com/hookstrap/hookstrap/pkg/handler"
	"github.com/hookstrap/hookstrap/pkg/handler/check"
	"github.com/hookstrap/hookstrap/pkg/handler/config"
)

// clusterScoped are the kinds of the manifests that live in no namespace.
var clusterScoped = []string{"Namespace", "ClusterRole", "ClusterRoleBinding", "ValidatingWebhookConfiguration", "MutatingWebhookConfiguration"}

// A file that no one lists is a file that no one applies.
func TestEveryFileIsListed(t *testing.T) {
	files, err := filepath.Glob("base/*.yaml")
	if err != nil {
		t.Fatal(err)
	}
	listed := slices.Concat(resources(t, "base"), configurations(t, "base"))
	for _, file := range files {
		file = filepath.Base(file)
		if file == "kustomization.yaml" || file == "checks.yaml" {
			continue
		}
		if !slices.Contains(listed, file) {
			t.Errorf("base/%s is not among the resources of base/kustomization.yaml", file)
		}
	}
}

func TestObjects(t *testing.T) {
	for _, file := range resources(t, "base") {
		t.Run(file, func(t *testing.T) {
			object := decode(t, filepath.Join("base", file))
			kind := object.GetObjectKind().GroupVersionKind().Kind
			accessor, err := meta.Accessor(object)
			if err != nil {
				t.Fatal(err)
			}
			want := namespace
			if slices.Contains(clusterScoped, kind) {
				want = ""
			}
			if got := accessor.GetNamespace(); got != want {
				t.Errorf("%s is in namespace %q, want %q", kind, got, want)
			}
			if got := accessor.GetLabels()["app.kubernetes.io/name"]; got != name {
				t.Errorf("%s has label app.kubernetes.io/name=%q, want %q", kind, got, name)
			}
		})
	}
}

// The field is the server's alone: a manifest that mentions it, even empty, takes the working value away.
func TestNoManifestMentionsTheCABundle(t *testing.T) {
	for _, file := range resources(t, "base") {
		var tree any
		if err := yaml.Unmarshal(read(t, filepath.Join("base", file)), &tree); err != nil {
			t.Fatal(err)
		}
		if hasKey(tree, "caBundle") {
			t.Errorf("base/%s has a caBundle key", file)
		}
	}
}

func hasKey(tree any, key string) bool {
	switch node := tree.(type) {
	case map[string]any:
		for k, v := range node {
			if k == key || hasKey(v, key) {
				return true
			}
		}
	case []any:
		return slices.ContainsFunc(node, func(v any) bool { return hasKey(v, key) })
	}
	return false
}

func TestHasKey(t *testing.T) {
	tree := map[string]any{"webhooks": []any{map[string]any{"clientConfig": map[string]any{"caBundle": nil}}}}
	if !hasKey(tree, "caBundle") || hasKey(tree, "ca") {
		t.Error("hasKey does not find an empty caBundle, or finds what is not there")
	}
}

func TestNamespaceIsRestricted(t *testing.T) {
	labels := load[corev1.Namespace](t, "namespace.yaml").Labels
	for _, mode := range []string{"enforce", "audit", "warn"} {
		if got := labels["pod-security.kubernetes.io/"+mode]; got != "restricted" {
			t.Errorf("pod-security.kubernetes.io/%s is %q, want restricted", mode, got)
		}
	}
}

// The checks of the base and of the components are the defaults of the program, in other modes: the base denies nothing.
func TestChecksAreTheDefaults(t *testing.T) {
	for file, mode := range map[string]handler.Mode{
		"base/checks.yaml": handler.Warn, "components/deny/checks.yaml": handler.Deny,
		"components/deny-when-clean/checks.yaml": handler.DenyWhenClean,
	} {
		got := checksOf(t, file)
		for i, want := range config.Default(check.Definitions()).Checks {
			got := got.Checks[i]
			if want.Mode == handler.Deny {
				want.Mode = mode
			}
			// A definition has functions, which cannot be compared.
			settings := func(c config.Check) []any { return []any{c.Mode, c.FailurePolicy, c.Exempt, c.Parameters} }
			if diff := cmp.Diff(settings(want), settings(got)); diff != "" {
				t.Errorf("%s: %s differs from the default it claims to be (-default +file):\n%s", file, want.Definition.Name, diff)
			}
		}
	}
}
