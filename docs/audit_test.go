// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package docs_test

import (
	"fmt"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	admissionv1 "k8s.io/api/admission/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/yaml"

	"github.com/hookstrap/hookstrap/internal/audit"
	"github.com/hookstrap/hookstrap/internal/auditreport"
	"github.com/hookstrap/hookstrap/pkg/handler"
	"github.com/hookstrap/hookstrap/pkg/handler/check"
	"github.com/hookstrap/hookstrap/pkg/handler/config"
)

// The example on the page about the audit is what the report says of a DaemonSet on the network of its nodes, of the Pods of
// a Deployment into which an injector has put an image without a tag, and of what the server is not asked about.
func TestAuditPage(t *testing.T) {
	const pod = `{containers: [{name: app, image: "registry.example/app:1"}, {name: proxy, image: registry.example/proxy}]}`
	agent := auditedAs(t, "DaemonSet", "apps/v1", "infra", "agent", "workloads.hookstrap.dev", audit.PodsDenied,
		`{selector: {matchLabels: {app: agent}}, template: {metadata: {labels: {app: agent}}, spec: {hostNetwork: true,
		containers: [{name: agent, image: "registry.example/agent:1"}]}}}`)
	web := audit.Object{Kind: schema.GroupVersionKind{Group: "apps", Version: "v1", Kind: "Deployment"}, Namespace: "shop", Name: "web"}
	results := []audit.Result{agent, {Object: web, Owner: web}}
	for _, suffix := range []string{"7q2wz", "x2x7q", "zk4dd"} {
		of := auditedAs(t, "Pod", "v1", "shop", "web-5d7c9-"+suffix, "pods.hookstrap.dev", audit.CreationDenied, pod)
		of.Owner = web
		results = append(results, of)
	}
	dns := audit.Object{Kind: schema.GroupVersionKind{Version: "v1", Kind: "Pod"}, Namespace: "kube-system", Name: "dns"}
	results = append(results, audit.Result{Object: dns, Owner: dns, Left: audit.NotAsked})
	report, err := auditreport.Collect(func(yield func(audit.Result, error) bool) {
		for _, result := range results {
			if !yield(result, nil) {
				return
			}
		}
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	var text strings.Builder
	if err := report.WriteText(&text); err != nil {
		t.Fatal(err)
	}
	want := "\n"
	for line := range strings.Lines(text.String()) {
		want += "    " + line
	}
	if diff := gocmp.Diff(want+"\n", between(t, "audit.md", "<!-- begin example -->", "<!-- end example -->", want+"\n")); diff != "" {
		t.Errorf("docs/audit.md is not what the report says; run `go test ./docs -update` (-report +page):\n%s", diff)
	}
}

// auditedAs is what the checks that are on by default find in a new object, when they deny.
func auditedAs(
	t *testing.T, kind, apiVersion, namespace, name, webhook string, effect audit.Effect, spec string,
) audit.Result {
	t.Helper()
	configuration, err := config.Parse([]byte(`{apiVersion: `+config.APIVersion+`, kind: `+config.Kind+
		`, checks: {podSecurity: {mode: deny}, imageTag: {mode: deny}}}`), check.Definitions())
	if err != nil {
		t.Fatal(err)
	}
	entries, err := configuration.Build(handler.Environment{})
	if err != nil {
		t.Fatal(err)
	}
	h, err := handler.New(handler.Options{Entries: entries})
	if err != nil {
		t.Fatal(err)
	}
	raw, err := yaml.YAMLToJSON(fmt.Appendf(nil, `{apiVersion: %s, kind: %s, metadata: {name: %s, namespace: %s}, spec: %s}`,
		apiVersion, kind, name, namespace, spec))
	if err != nil {
		t.Fatal(err)
	}
	gvk := schema.FromAPIVersionAndKind(apiVersion, kind)
	object := audit.Object{Kind: gvk, Namespace: namespace, Name: name}
	result := audit.Result{Object: object, Owner: object}
	verdict := h.Judge(t.Context(), handler.NewRequest(admissionv1.AdmissionRequest{
		UID: "1", Kind: metav1.GroupVersionKind(gvk), Name: name, Namespace: namespace, Operation: admissionv1.Create,
		Object: runtime.RawExtension{Raw: raw},
	}))
	for _, f := range verdict.Findings {
		result.Findings = append(result.Findings, audit.Finding{
			Check: f.Check, Mode: f.Mode, Field: f.Field, Message: f.Text(), Refuses: f.Refuses, Effect: effect, Webhook: webhook,
			Identity: f.Text(),
		})
	}
	return result
}
