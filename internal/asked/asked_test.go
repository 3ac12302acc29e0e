// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package asked

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/yaml"
)

// of is what a webhook is asked about by entries in YAML.
func of(t *testing.T, entries string) Asked {
	t.Helper()
	var c admissionregistrationv1.ValidatingWebhookConfiguration
	if err := yaml.UnmarshalStrict([]byte("metadata: {name: c}\nwebhooks: ["+entries+"]"), &c); err != nil {
		t.Fatal(err)
	}
	a, err := Of(c)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// rules is an entry with a rule for operations on resources, and what else there is to say.
func rules(name, operations, group, version, resources, scope, more string) string {
	return `{name: ` + name + `, rules: [{operations: [` + operations + `], apiGroups: [` + group + `], apiVersions: [` +
		version + `], resources: [` + resources + `], scope: "` + scope + `"}]` + more + `}`
}

func object(resource, namespace string) Object {
	r, _ := schema.ParseResourceArg(resource)
	return Object{Resources: []schema.GroupVersionResource{*r}, Namespace: namespace}
}

func TestAbout(t *testing.T) {
	const create, update = admissionregistrationv1.Create, admissionregistrationv1.Update
	pods := rules("pods", "CREATE", `""`, "v1", "pods", "*", "")
	deployments := func(more string) string { return rules("apps", "CREATE", "apps", "v1", "deployments", "*", more) }
	const shop = `, namespaceSelector: {matchLabels: {team: shop}}`
	namespaces := map[string]labels.Set{"shop": {"team": "shop"}, "other": {}}
	with := func(o Object, set labels.Set) Object { o.Labels = set; return o }
	for title, tt := range map[string]struct {
		entries   string
		object    Object
		operation admissionregistrationv1.OperationType
		want      string // the entry; "" if no one is asked
	}{
		"a rule":                {pods, object("pods.v1.", "shop"), create, "pods"},
		"another operation":     {pods, object("pods.v1.", "shop"), update, ""},
		"all operations":        {rules("all", `"*"`, `""`, "v1", "pods", "*", ""), object("pods.v1.", "shop"), update, "all"},
		"another resource":      {pods, object("services.v1.", "shop"), create, ""},
		"all resources":         {rules("all", "CREATE", `""`, "v1", `"*/*"`, "*", ""), object("services.v1.", "shop"), create, "all"},
		"all but subresources":  {rules("all", "CREATE", `"*"`, `"*"`, `"*"`, "*", ""), object("jobs.v1.batch", "shop"), create, "all"},
		"another group":         {pods, object("pods.v1.metrics.k8s.io", "shop"), create, ""},
		"the second entry":      {pods + ", " + deployments(""), object("deployments.v1.apps", "shop"), create, "apps"},
		"another version":       {deployments(""), object("deployments.v1beta1.apps", "shop"), create, "apps"},
		"another version, each": {deployments(", matchPolicy: Exact"), object("deployments.v1beta1.apps", "shop"), create, ""},
		"the version, each":     {deployments(", matchPolicy: Exact"), object("deployments.v1.apps", "shop"), create, "apps"},
		"in a namespace":        {rules("inside", "CREATE", `""`, "v1", "pods", "Namespaced", ""), object("pods.v1.", "shop"), create, "inside"},
		"in no namespace":       {rules("inside", "CREATE", `""`, "v1", `"*"`, "Namespaced", ""), object("nodes.v1.", ""), create, ""},
		"of the cluster":        {rules("c", "CREATE", `""`, "v1", `"*"`, "Cluster", ""), object("nodes.v1.", ""), create, "c"},
		"not of the cluster":    {rules("c", "CREATE", `""`, "v1", `"*"`, "Cluster", ""), object("pods.v1.", "shop"), create, ""},
		"a selected namespace":  {rules("s", "CREATE", `""`, "v1", "pods", "*", shop), object("pods.v1.", "shop"), create, "s"},
		"another namespace":     {rules("s", "CREATE", `""`, "v1", "pods", "*", shop), object("pods.v1.", "other"), create, ""},
		"an unknown namespace":  {rules("s", "CREATE", `""`, "v1", "pods", "*", shop), object("pods.v1.", "new"), create, ""},
		"a namespace by name": {rules("s", "CREATE", `""`, "v1", "pods", "*", `, namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: new}}`),
			object("pods.v1.", "new"), create, "s"},
		"no namespace to select": {rules("s", "CREATE", `""`, "v1", "nodes", "*", shop), object("nodes.v1.", ""), create, "s"},
		"a Namespace by its own labels": {rules("s", "CREATE", `""`, "v1", "namespaces", "*", shop),
			with(object("namespaces.v1.", "other"), labels.Set{"team": "shop"}), create, "s"},
		"another Namespace": {rules("s", "CREATE", `""`, "v1", "namespaces", "*", shop), object("namespaces.v1.", "shop"), create, ""},
		"selected labels": {rules("l", "CREATE", `""`, "v1", "pods", "*", `, objectSelector: {matchLabels: {a: b}}`),
			with(object("pods.v1.", "shop"), labels.Set{"a": "b"}), create, "l"},
		"other labels": {rules("l", "CREATE", `""`, "v1", "pods", "*", `, objectSelector: {matchLabels: {a: b}}`), object("pods.v1.", "shop"), create, ""},
		"webhook configurations": {rules("w", "CREATE", `"*"`, `"*"`, `"*"`, "*", ""),
			object("validatingwebhookconfigurations.v1.admissionregistration.k8s.io", ""), create, ""},
		"admission policies": {rules("w", "CREATE", `"*"`, `"*"`, `"*"`, "*", ""),
			object("validatingadmissionpolicies.v1.admissionregistration.k8s.io", ""), create, "w"},
	} {
		t.Run(title, func(t *testing.T) {
			got, isAsked := of(t, tt.entries).About(tt.object, tt.operation, namespaces)
			if got != tt.want || isAsked != (tt.want != "") {
				t.Errorf("asked %t by %q, want %q", isAsked, got, tt.want)
			}
		})
	}
}

// Without a configuration, everything is asked about.
func TestNoEntriesAskAboutAll(t *testing.T) {
	var all Asked
	_, isAsked := all.About(object("pods.v1.", "shop"), admissionregistrationv1.Delete, nil)
	isAny := all.AboutAny(object("pods.v1.", "").Resources[0], true, admissionregistrationv1.Create)
	if !isAsked || !isAny || !all.IsAll() || !all.NamesGroup("apps") || len(all.Resources(admissionregistrationv1.Create)) > 0 {
		t.Errorf("asked %t, any %t, all %t, group %t", isAsked, isAny, all.IsAll(), all.NamesGroup("apps"))
	}
}

func TestWhatRulesName(t *testing.T) {
	a := of(t, rules("a", "CREATE, UPDATE", `"", apps`, "v1", "pods, pods/exec, deployments", "Namespaced", "")+", "+
		rules("b", "DELETE", "batch", "v1", "jobs", "*", "")+", "+rules("c", "CREATE", "example.com", `"*"`, `"*/*"`, "*", ""))
	var got []string
	for _, resource := range a.Resources(admissionregistrationv1.Create) {
		got = append(got, resource.String())
	}
	want := []string{"pods", "deployments", "pods.apps", "deployments.apps", "*.example.com"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	resource := func(text string) schema.GroupVersionResource { return object(text, "").Resources[0] }
	for _, tt := range []struct {
		what string
		got  bool
		want bool
	}{
		{"any Pod is created", a.AboutAny(resource("pods.v1."), true, admissionregistrationv1.Create), true},
		{"any Pod without a namespace", a.AboutAny(resource("pods.v1."), false, admissionregistrationv1.Create), false},
		{"any Job is created", a.AboutAny(resource("jobs.v1.batch"), true, admissionregistrationv1.Create), false},
		{"any Job is created or deleted",
			a.AboutAny(resource("jobs.v1.batch"), true, admissionregistrationv1.Create, admissionregistrationv1.Delete), true},
		{"any webhook configuration", of(t, rules("w", "CREATE", `"*"`, `"*"`, `"*"`, "*", "")).AboutAny(
			resource("mutatingwebhookconfigurations.v1.admissionregistration.k8s.io"), false, admissionregistrationv1.Create), false},
		{"pods are named", a.Names(resource("pods.v1.")), true},
		{"another version is not", a.Names(resource("pods.v2.")), false},
		{"all versions are", a.Names(resource("widgets.v7.example.com")), true},
		{"a group is named", a.NamesGroup("batch"), true},
		{"another is not", a.NamesGroup("policy"), false},
	} {
		if tt.got != tt.want {
			t.Errorf("%s: %t, want %t", tt.what, tt.got, tt.want)
		}
	}
}

func TestSelectorsHaveToBeValid(t *testing.T) {
	var c admissionregistrationv1.ValidatingWebhookConfiguration
	if err := yaml.Unmarshal([]byte(`{metadata: {name: c}, webhooks: [{name: w, objectSelector: {matchExpressions: [{key: a, operator: Near}]}}]}`), &c); err != nil {
		t.Fatal(err)
	}
	if _, err := Of(c); err == nil {
		t.Error("an operator that there is not is taken")
	}
}
