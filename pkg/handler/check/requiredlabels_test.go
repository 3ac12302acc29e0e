// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package check

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

func TestRequiredLabels(t *testing.T) {
	present := []requiredLabel{{Key: "team"}}
	pattern := []requiredLabel{{Key: "team", Pattern: "[a-z]+|x1"}}
	value := func(v string) map[string]string { return map[string]string{"team": v} }
	const at, missing = "metadata.labels[team]: ", `metadata.labels[team]: label "team" is required`
	noMatch := func(v string) string { return fmt.Sprintf(`%svalue %q does not match "[a-z]+|x1"`, at, v) }
	tests := map[string]struct {
		rules  []requiredLabel
		labels map[string]string
		want   []string
	}{
		"none required":    {},
		"there":            {rules: present, labels: value("a")},
		"missing":          {rules: present, want: []string{missing}},
		"empty":            {rules: present, labels: value(""), want: []string{at + `label "team" must not be empty`}},
		"other case":       {rules: present, labels: map[string]string{"Team": "a"}, want: []string{missing}},
		"matches":          {rules: pattern, labels: value("shop")},
		"matches the rest": {rules: pattern, labels: value("x1")},
		"only begins so":   {rules: pattern, labels: value("shop9"), want: []string{noMatch("shop9")}},
		"only ends so":     {rules: pattern, labels: value("9shop"), want: []string{noMatch("9shop")}},
		"empty, pattern":   {rules: pattern, labels: value(""), want: []string{noMatch("")}},
		"empty is allowed": {rules: []requiredLabel{{Key: "team", Pattern: ".*"}}, labels: value("")},
		"all are told": {
			rules:  []requiredLabel{{Key: "team"}, {Key: "app.kubernetes.io/name"}, {Key: "tier", Pattern: "web|db"}},
			labels: map[string]string{"tier": "cache"},
			want: []string{
				missing,
				`metadata.labels[app.kubernetes.io/name]: label "app.kubernetes.io/name" is required`,
				`metadata.labels[tier]: value "cache" does not match "web|db"`,
			},
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			check, err := newRequiredLabels(tt.rules)
			if err != nil {
				t.Fatal(err)
			}
			got := shown(evaluate(t, check, &corev1.Service{ObjectMeta: metav1.ObjectMeta{Labels: tt.labels}}))
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestRequiredLabelsResources(t *testing.T) {
	check, err := newRequiredLabels([]requiredLabel{{Key: "team"}},
		schema.GroupResource{Resource: "pods"}, schema.GroupResource{Group: "example.com", Resource: "widgets"})
	if err != nil {
		t.Fatal(err)
	}
	tests := map[metav1.GroupVersionResource]int{
		{Version: "v1", Resource: "pods"}:                               1,
		{Version: "v1", Resource: "services"}:                           0,
		{Group: "example.com", Version: "v1beta1", Resource: "widgets"}: 1,
		{Group: "example.org", Version: "v1beta1", Resource: "widgets"}: 0,
		{Group: "metrics.k8s.io", Version: "v1", Resource: "pods"}:      0,
	}
	for resource, want := range tests {
		t.Run(resource.String(), func(t *testing.T) {
			req := create(t, &corev1.Pod{})
			req.Resource = resource
			got, err := check.Evaluate(t.Context(), req)
			if err != nil || len(got) != want {
				t.Errorf("got %v, %v; want %d violations", got, err, want)
			}
		})
	}
}

func TestRequiredLabelsErrors(t *testing.T) {
	check, err := newRequiredLabels([]requiredLabel{
		{Key: "not a key"}, {Key: "ok"}, {Key: "open", Pattern: "("}, {Key: "split", Pattern: "a)|(b"},
		{Key: "quote", Pattern: `\Qa.b`},
	})
	if err == nil {
		t.Fatal("no error")
	}
	for _, want := range []string{`"not a key" is not valid`, `pattern "(" of label "open"`, `pattern "a)|(b"`, `pattern "\\Qa.b"`} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%s is not in the error: %v", want, err)
		}
	}
	if len(check.rules) > 0 {
		t.Errorf("got rules with an error: %v", check.rules)
	}
	req := create(t, &corev1.Pod{})
	req.Object.Raw = nil
	if _, err := check.Evaluate(t.Context(), req); err == nil {
		t.Error("a request without an object is fine")
	}
}
