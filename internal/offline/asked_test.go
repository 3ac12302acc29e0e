// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package offline

import (
	"path/filepath"
	"strings"
	"testing"
)

// TestAsked: what the rules and selectors of the webhook configuration leave out is not judged, but counted.
func TestAsked(t *testing.T) {
	const (
		pods       = `{apiGroups: [""], apiVersions: [v1], operations: [CREATE], resources: [pods, namespaces]}`
		cm         = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n"
		pod        = "apiVersion: v1\nkind: Pod\nmetadata: {name: a, namespace: shop, labels: {app: x}}\n"
		system     = "apiVersion: v1\nkind: Pod\nmetadata: {name: a, namespace: kube-system}\n"
		namespace  = "apiVersion: v1\nkind: Namespace\nmetadata: {name: shop, labels: {guard: 'off'}}\n"
		deployment = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a, namespace: shop}\n"
		notSystem  = "namespaceSelector: {matchExpressions: [{key: kubernetes.io/metadata.name, operator: NotIn, values: [kube-system]}]}"
		guarded    = "namespaceSelector: {matchExpressions: [{key: guard, operator: NotIn, values: ['off']}]}"
		apps       = `{apiGroups: [apps], apiVersions: [v1], operations: ["*"], resources: ["*"], scope: Namespaced}`
		all        = `{apiGroups: ["*"], apiVersions: ["*"], operations: ["*"], resources: ["*/*"]}`
		own        = "apiVersion: admissionregistration.k8s.io/v1\nkind: ValidatingWebhookConfiguration\nmetadata: {name: b}\n"
	)
	for name, tc := range map[string]struct {
		entries, manifests string
		judged             bool
	}{
		"a resource of a rule":           {"rules: [" + pods + "]", pod, true},
		"a resource of no rule":          {"rules: [" + pods + "]", cm, false},
		"a resource of the second":       {"rules: [" + apps + "]}, {name: w2, rules: [" + pods + "]", pod, true},
		"only updates":                   {"rules: [" + strings.Replace(pods, "CREATE", "UPDATE", 1) + "]", pod, false},
		"another group":                  {"rules: [" + apps + "]", pod, false},
		"another version, equivalent":    {"rules: [" + strings.Replace(apps, "v1", "v2", 1) + "]", deployment, true},
		"another version, exact":         {"matchPolicy: Exact, rules: [" + strings.Replace(apps, "v1", "v2", 1) + "]", deployment, false},
		"everything":                     {"rules: [" + all + "]", cm, true},
		"but for webhook configurations": {"rules: [" + all + "]", own, false},
		"cluster-scoped, wanted so":      {"rules: [" + strings.Replace(pods, "}", ", scope: Cluster}", 1) + "]", namespace, true},
		"cluster-scoped, not wanted":     {"rules: [" + strings.Replace(pods, "}", ", scope: Namespaced}", 1) + "]", namespace, false},
		"in no namespace, with a selector": {"rules: [" + all + "], " + guarded,
			"apiVersion: v1\nkind: Node\nmetadata: {name: a}\n", true},
		"namespace by its name":           {"rules: [" + pods + "], " + notSystem, pod, true},
		"namespace by its name, not this": {"rules: [" + pods + "], " + notSystem, system, false},
		"namespace by its labels":         {"rules: [" + pods + "], " + guarded, strings.ReplaceAll(namespace, "off", "on") + "---\n" + pod, true},
		"namespace by its labels, not so": {"rules: [" + pods + "], " + guarded, namespace + "---\n" + pod, false},
		"labels of the object":            {"rules: [" + pods + "], objectSelector: {matchLabels: {app: x}}", pod, true},
		"labels of the object, not those": {"rules: [" + pods + "], objectSelector: {matchLabels: {app: z}}", pod, false},
	} {
		t.Run(name, func(t *testing.T) {
			dir := tree(t, map[string]string{"webhook.yaml": own + "webhooks: [{name: w1, " + tc.entries + "}]\n---\n" + cm})
			asked, err := ReadAsked(filepath.Join(dir, "webhook.yaml"))
			if err != nil {
				t.Fatal(err)
			}
			got := text(t, judge(t, "{place: {mode: warn}, team: {mode: off}}", map[string]string{"a.yaml": tc.manifests},
				func(o *Options) { o.Asked = asked }))
			if isJudged := strings.Contains(got, "CREATE"); isJudged != tc.judged {
				t.Errorf("judged: %t, want %t: %s", isJudged, tc.judged, got)
			}
			if !tc.judged && !strings.Contains(got, "; the server is not asked about ") {
				t.Errorf("it is not said that the server is not asked: %s", got)
			}
		})
	}
}

func TestAskedOfWrongFiles(t *testing.T) {
	const head = "apiVersion: admissionregistration.k8s.io/v1\nkind: ValidatingWebhookConfiguration\nmetadata: {name: b}\n"
	for content, want := range map[string]string{
		"apiVersion: v1\nkind: Pod\nmetadata: {name: a}\n": "has no webhook of a ValidatingWebhookConfiguration",
		head + "webhooks: []\n":                            "has no webhook of a ValidatingWebhookConfiguration",
		head + "webhooks: [{name: w, namespaceSelector: {matchExpressions: [{key: a, operator: Is}]}}]\n": `webhook "w"`,
		head + "webhooks: 5\n": `ValidatingWebhookConfiguration "b"`,
	} {
		path := filepath.Join(tree(t, map[string]string{"w.yaml": content}), "w.yaml")
		if _, err := ReadAsked(path); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want an error with %q", err, want)
		}
	}
	if _, err := ReadAsked(filepath.Join(t.TempDir(), "none")); err == nil {
		t.Error("a file that is not there")
	}
}
