// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package command

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// chart is a webhook whose Deployment is in the namespace that it is asked about.
const chart = `apiVersion: v1
kind: Service
metadata: {name: web, namespace: shop}
spec: {selector: {app: web}, ports: [{port: 443, targetPort: https}]}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: shop}
spec:
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: web, ports: [{name: https, containerPort: 9443}]}]}
---
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingWebhookConfiguration
metadata: {name: web, annotations: {cert-manager.io/inject-ca-from: shop/web}}
webhooks:
- name: pods.example.com
  clientConfig: {service: {namespace: shop, name: web}}
  namespaceSelector: {matchExpressions: [{key: kubernetes.io/metadata.name, operator: NotIn, values: [kube-system]}]}
  rules: [{apiGroups: [""], apiVersions: [v1], operations: [CREATE], resources: [pods]}]
`

// Manifests are judged without a cluster, and the exit code says what was found.
func TestDoctorOffline(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		manifest   string
		args       []string
		code       int
		want, lack string
	}{
		"a circle": {chart, nil, exitFailure, "cold-start-cycle (pods.example.com): Service shop/web comes back only if " +
			"Pods of Deployment shop/web are created", "endpoints"},
		"the line that breaks it": {chart, nil, exitFailure, "values: [shop]}]}", ""},
		"broken":                  {strings.Replace(chart, "[kube-system]", "[kube-system, shop]", 1), nil, exitOK, "0 errors, 0 warnings", ""},
		"another port":            {strings.Replace(chart, "port: 443", "port: 8443", 1), nil, exitFailure, "service-port-missing", ""},
		"another selector":        {strings.Replace(chart, "selector: {app: web}", "selector: {app: wed}", 1), nil, exitFailure, "endpoints-missing", ""},
		"another targetPort":      {strings.Replace(chart, "targetPort: https", "targetPort: webhook", 1), nil, exitFailure, "target-port-missing", ""},
		"another Service":         {strings.Replace(chart, "name: web, namespace: shop", "name: wed, namespace: shop", 1), nil, exitFailure, "service-missing", ""},
		"a conversion": {"apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nmetadata: {name: oxen.example.com}\nspec: {conversion: " +
			"{strategy: Webhook, webhook: {clientConfig: {caBundle: Cg==, service: {namespace: shop, name: web}}}}}\n", nil, exitFailure,
			"ca-bundle-unusable", "service-missing"},
		"unreadable":      {"{", nil, exitUsage, "not judged: ", ""},
		"nothing":         {"", nil, exitUsage, "calls a webhook: name files with webhook configurations", ""},
		"nothing of ours": {"apiVersion: v1\nkind: Pod\nmetadata: {name: x}\n", nil, exitUsage, "chart.yaml calls a webhook", ""},
		"no webhooks":     {strings.Replace(chart, "\nwebhooks:", "\nwebhook:", 1), nil, exitUsage, "chart.yaml calls a webhook", ""},
		"an old version": {strings.Replace(chart, "admissionregistration.k8s.io/v1", "admissionregistration.k8s.io/v1beta1", 1), nil, exitUsage,
			"chart.yaml:14: ValidatingWebhookConfiguration: no supported version of Kubernetes serves " +
				"admissionregistration.k8s.io/v1beta1: write it as admissionregistration.k8s.io/v1\n", ""},
		"a wrong type": {strings.Replace(chart, "[pods]", "pods", 1), nil, exitUsage,
			"ValidatingWebhookConfiguration: webhooks.rules.resources must be of type list and is of type string: correct it\n", ""},
		"a namespace":         {strings.ReplaceAll(chart, ", namespace: shop}\nspec", "}\nspec"), []string{"-n", "shop"}, exitFailure, "Deployment shop/web", ""},
		"with the wrong flag": {chart, []string{"--webhook-configuration=web"}, exitUsage, "is for a cluster", ""},
		"watched":             {chart, []string{"--watch"}, exitUsage, "is for a cluster", ""},
		"probed":              {chart, []string{"--probe"}, exitUsage, "is for a cluster", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "chart.yaml")
			if err := os.WriteFile(path, []byte(tt.manifest), 0o600); err != nil {
				t.Fatal(err)
			}
			var out bytes.Buffer
			code := Run(t.Context(), append([]string{"doctor", "-f", path}, tt.args...), Options{Stdout: &out, Stderr: &out})
			if code != tt.code || !strings.Contains(out.String(), tt.want) || tt.lack != "" && strings.Contains(out.String(), tt.lack) {
				t.Errorf("exit code %d, want %d and %q, but not %q:\n%s", code, tt.code, tt.want, tt.lack, &out)
			}
		})
	}
}

// The same findings, for programs and for code-scanning services.
func TestDoctorOutputs(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	if code := Run(t.Context(), []string{"doctor", "-f", "-", "-o", "sarif"}, Options{
		Stdin: strings.NewReader(chart), Stdout: &out, Stderr: &out,
	}); code != exitFailure {
		t.Fatalf("exit code %d: %s", code, &out)
	}
	var log struct {
		Runs []struct {
			Tool struct {
				Driver struct {
					Rules []struct{ ID, HelpURI string }
				}
			}
			Results []struct {
				RuleID, Level string
				RuleIndex     int
			}
		}
	}
	if err := json.Unmarshal(out.Bytes(), &log); err != nil {
		t.Fatal(err)
	}
	run := log.Runs[0]
	if len(run.Results) != 1 || run.Results[0].RuleID != "cold-start-cycle" || run.Results[0].Level != "error" {
		t.Fatalf("results: %+v", run.Results)
	}
	rule := run.Tool.Driver.Rules[run.Results[0].RuleIndex]
	if rule.ID != "cold-start-cycle" || !strings.HasSuffix(rule.HelpURI, "docs/doctor.md#cold-start-cycle") {
		t.Errorf("the rule is %+v", rule)
	}
}
