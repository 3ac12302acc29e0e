// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package doctor

import (
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"sigs.k8s.io/yaml"
)

// The line that breaks a cycle leaves out the namespace, and nothing that it had asked for is added.
func TestNarrowed(t *testing.T) {
	t.Parallel()
	const key = "kubernetes.io/metadata.name"
	for name, s := range map[string]*metav1.LabelSelector{
		"none":   nil,
		"labels": {MatchLabels: map[string]string{"team": "true", "a/b": "1"}},
		"expressions": {MatchExpressions: []metav1.LabelSelectorRequirement{
			{Key: key, Operator: metav1.LabelSelectorOpIn, Values: []string{"shop", "123"}},
			{Key: "team", Operator: metav1.LabelSelectorOpExists}}},
	} {
		var got struct{ NamespaceSelector metav1.LabelSelector }
		line := narrowed(s, []string{"shop"})
		if err := yaml.UnmarshalStrict([]byte(line), &got); err != nil {
			t.Fatalf("%s: %v: %s", name, err, line)
		}
		before, err := metav1.LabelSelectorAsSelector(s)
		if err != nil {
			t.Fatal(err)
		}
		after, err := metav1.LabelSelectorAsSelector(&got.NamespaceSelector)
		if err != nil {
			t.Fatal(err)
		}
		for _, set := range []labels.Set{
			{key: "shop", "team": "true", "a/b": "1"}, {key: "123", "team": "true", "a/b": "1"}, {key: "123", "team": "x"}, {key: "other"},
		} {
			want := set[key] != "shop" && (s == nil || before.Matches(set))
			if after.Matches(set) != want {
				t.Errorf("%s: %v is selected: %t, want %t, by %s", name, set, !want, want, line)
			}
		}
	}
}
