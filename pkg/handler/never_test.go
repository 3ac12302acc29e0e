// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package handler

import (
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"sigs.k8s.io/yaml"
)

func TestSelectsNothing(t *testing.T) {
	for text, nothing := range map[string]bool{
		`{}`:                    false,
		`{matchLabels: {a: b}}`: false,
		`{matchLabels: {a: b}, matchExpressions: [{key: a, operator: In, values: [b, c]}]}`:                       false,
		`{matchLabels: {a: b}, matchExpressions: [{key: a, operator: In, values: [c]}]}`:                          true,
		`{matchLabels: {a: b}, matchExpressions: [{key: a, operator: NotIn, values: [b]}]}`:                       true,
		`{matchLabels: {a: b}, matchExpressions: [{key: a, operator: DoesNotExist}]}`:                             true,
		`{matchExpressions: [{key: a, operator: Exists}, {key: a, operator: DoesNotExist}]}`:                      true,
		`{matchExpressions: [{key: a, operator: Exists}, {key: b, operator: DoesNotExist}]}`:                      false,
		`{matchExpressions: [{key: a, operator: NotIn, values: [b]}, {key: a, operator: DoesNotExist}]}`:          false,
		`{matchExpressions: [{key: a, operator: In, values: [b, c]}, {key: a, operator: NotIn, values: [c, d]}]}`: false,
		`{matchExpressions: [{key: a, operator: In, values: [b, c]}, {key: a, operator: NotIn, values: [c, b]}]}`: true,
	} {
		var selector metav1.LabelSelector
		if err := yaml.UnmarshalStrict([]byte(text), &selector); err != nil {
			t.Fatal(err)
		}
		if got := SelectsNothing(&selector); (got != "") != nothing {
			t.Errorf("%s: got %q", text, got)
		}
		errs := Exemptions{NamespaceSelector: &selector}.Validate(field.NewPath("exempt"))
		if (len(errs) > 0) != (nothing || text == "{}") {
			t.Errorf("an exemption by %s: got %v", text, errs)
		}
	}
}
