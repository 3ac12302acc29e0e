// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"

	"github.com/hookstrap/hookstrap/pkg/handler"
	"github.com/hookstrap/hookstrap/pkg/handler/mutation"
	"github.com/hookstrap/hookstrap/test/e2e/cluster"
	"github.com/hookstrap/hookstrap/test/e2e/cluster/clustertest"
	"github.com/hookstrap/hookstrap/test/e2e/process"
	"github.com/hookstrap/hookstrap/test/e2e/site"
)

// exemptUser and exemptGroup are exempt from all mutations.
const exemptUser, exemptGroup = "robot", "robots"

// mutationSite is a site whose server has no checks, and follows a file with mutations.
type mutationSite struct {
	*site.Site
	exempt          string // a namespace that is exempt from all mutations
	config, metrics string
	server          *process.Server
}

// newMutationSite returns when the API server can call the server, which changes nothing yet.
func newMutationSite(t *testing.T, c *cluster.Cluster) *mutationSite {
	t.Helper()
	m := &mutationSite{
		Site:   site.New(t, c, site.Options{Edit: allowMutating, WithoutConfiguration: true}),
		exempt: clustertest.Namespace(t, c), config: filepath.Join(t.TempDir(), "checks.yaml"), metrics: freeAddress(t),
	}
	m.install(t)
	program, err := binary()
	must(t, err)
	m.configure(t, nil)
	m.server = startServe(t, m.Site, program, "--webhook-configuration=mutating/"+m.Configuration, "--config="+m.config,
		"--metrics-bind-address="+m.metrics, "--health-probe-bind-address=0")
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("the server has logged:\n%s", m.server.Log())
		}
	})
	awaitPhase(t, m.server, "ready", 1)
	return m
}

// install installs the configuration that the command manifest prints of all mutations but addMetadata, which is for
// every kind, so that its rule is written by hand.
func (m *mutationSite) install(t *testing.T) {
	t.Helper()
	known := m.all(t)
	delete(known, "addMetadata")
	m.configure(t, known)
	printed, err := runToEnd(t, "manifest", "--config="+m.config, "--service-name="+site.Service, "--namespace="+m.Namespace,
		"--webhook-configuration=mutating/"+m.Configuration)
	must(t, err)
	_, text, _ := strings.Cut(printed, "---\n") // The first is that of the checks.
	var c admissionv1.MutatingWebhookConfiguration
	must(t, yaml.UnmarshalStrict([]byte(text), &c))
	webhook := &c.Webhooks[0]
	webhook.ClientConfig.Service.Port = new(int32(m.Port)) // #nosec G115 -- a port.
	selector := webhook.NamespaceSelector
	selector.MatchExpressions = append(selector.MatchExpressions, metav1.LabelSelectorRequirement{ // Other tests run here, too.
		Key: corev1.LabelMetadataName, Operator: metav1.LabelSelectorOpIn, Values: []string{m.Target, m.exempt}})
	webhook.Rules = append(webhook.Rules, admissionv1.RuleWithOperations{
		Operations: []admissionv1.OperationType{admissionv1.Create, admissionv1.Update},
		Rule:       admissionv1.Rule{APIGroups: []string{""}, APIVersions: []string{"v1"}, Resources: []string{"configmaps"}},
	})
	installMutating(t, m.Site, &c)
}

// all are all mutations, with what is exempt from them.
func (m *mutationSite) all(t *testing.T) map[string]any {
	t.Helper()
	all := map[string]any{}
	for _, d := range mutation.Definitions() {
		parameters := parametersOf(t, d)
		parameters["exempt"] = map[string]any{"namespaces": []string{m.exempt}, "users": []string{exemptUser},
			"groups": []string{exemptGroup}}
		all[d.Name] = parameters
	}
	return all
}

// parametersOf are those of its page.
func parametersOf(t *testing.T, d handler.Definition) map[string]any {
	t.Helper()
	parameters := map[string]any{}
	must(t, yaml.Unmarshal([]byte(d.Doc.Parameters), &parameters))
	return parameters
}

// configure replaces the file that the server follows.
func (m *mutationSite) configure(t *testing.T, mutations map[string]any) {
	t.Helper()
	text, err := yaml.Marshal(map[string]any{"mutations": mutations})
	must(t, err)
	must(t, os.WriteFile(m.config+".new", append([]byte(configHead), text...), 0o600))
	must(t, os.Rename(m.config+".new", m.config))
}
