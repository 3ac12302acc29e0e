// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package offline

import (
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/kubernetes/scheme"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/hookstrap/hookstrap/pkg/handler/check"
	"github.com/hookstrap/hookstrap/pkg/handler/config"
)

// Selectors find the label that an API server gives every Namespace, and Namespaces that have no other.
func TestNamespacesHaveTheirNameAsALabel(t *testing.T) {
	const (
		named = "matchLabels: {kubernetes.io/metadata.name: monitoring}"
		wrong = "matchLabels: {kubernetes.io/metadata.name: other}"
		notIn = "matchExpressions: [{key: team, operator: NotIn, values: [x]}]"
		none  = "matchExpressions: [{key: team, operator: DoesNotExist}]"
	)
	for name, tt := range map[string]struct {
		labels, selector string
		selected         bool
	}{
		"by name":                   {"", named, true},
		"by name, among others":     {"{team: z}", named, true},
		"by another name":           {"", wrong, false},
		"what it says is no matter": {"{kubernetes.io/metadata.name: other}", named, true},
		"nor does it select":        {"{kubernetes.io/metadata.name: other}", wrong, false},
		"NotIn, without labels":     {"", notIn, true},
		"NotIn, with another value": {"{team: z}", notIn, true},
		"NotIn, with the value":     {"{team: x}", notIn, false},
		"DoesNotExist, without any": {"", none, true},
		"DoesNotExist, with it":     {"{team: z}", none, false},
	} {
		t.Run(name, func(t *testing.T) {
			manifests := "apiVersion: v1\nkind: Namespace\nmetadata: {name: monitoring, labels: " + tt.labels + "}\n---\n" +
				"apiVersion: v1\nkind: Pod\nmetadata: {name: a, namespace: monitoring}\n" +
				"spec: {containers: [{name: a, image: registry.example/b:1}]}\n"
			judged := map[bool]string{true: "Pod \"a\" in namespace \"monitoring\": podSecurity", false: "0 denied"}[tt.selected]
			if got := judgeBuiltIn(t, "{podSecurity: {level: privileged, rules: [{level: restricted, namespaceSelector: {"+
				tt.selector+"}}]}}", manifests); !strings.Contains(got, judged) {
				t.Errorf("a rule for Pods: got %s", got)
			}
			exempted := map[bool]string{true: ", 2 exemptions\n", false: "warnings\n"}[tt.selected]
			if got := text(t, judge(t, "{place: {mode: warn, exempt: {namespaceSelector: {"+tt.selector+"}}}, team: {mode: off}}",
				map[string]string{"a.yaml": manifests})); !strings.HasSuffix(got, exempted) {
				t.Errorf("an exemption: got %s", got)
			}
		})
	}
}

// Lists are by the labels of the object, not by those of its manifest.
func TestNamespacesAreListedByTheirName(t *testing.T) {
	o := object{kind: corev1.SchemeGroupVersion.WithKind("Namespace"), name: "a", raw: []byte(`{"metadata":{"name":"a"}}`)}
	o.complete(newKinds(nil), "default")
	var all corev1.NamespaceList
	err := newCluster(scheme.Scheme, newKinds(nil), []object{o}).List(t.Context(), &all,
		client.MatchingLabels{"kubernetes.io/metadata.name": "a"})
	if err != nil || len(all.Items) != 1 || all.Items[0].Labels["kubernetes.io/metadata.name"] != "a" {
		t.Errorf("got %+v, %v", all, err)
	}
}

func judgeBuiltIn(t *testing.T, checks, manifests string) string {
	t.Helper()
	c, err := config.Parse([]byte("apiVersion: hookstrap.dev/v1alpha1\nkind: CheckConfiguration\nchecks: "+checks+"\n"),
		check.Definitions())
	if err != nil {
		t.Fatal(err)
	}
	return text(t, judge(t, "{}", map[string]string{"a.yaml": manifests}, func(o *Options) { o.Configuration = c }))
}
