// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"

	"github.com/hookstrap/hookstrap/test/e2e/cluster"
	"github.com/hookstrap/hookstrap/test/e2e/cluster/clustertest"
	"github.com/hookstrap/hookstrap/test/e2e/site"
)

// TestAuditLogOfMutations: the API server's audit log has the patch of what was changed, what would have been changed,
// and what was exempt.
func TestAuditLogOfMutations(t *testing.T) {
	t.Parallel()
	directory := t.TempDir()
	policy, log := filepath.Join(directory, "policy.yaml"), filepath.Join(directory, "audit.log")
	must(t, os.WriteFile(policy, []byte(`
apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules:
- {level: Request, verbs: [create], resources: [{group: "", resources: [pods]}]}
- {level: None}
`), 0o600))
	c := clustertest.StartWith(t, cluster.Options{
		APIServerArgs: map[string][]string{"audit-policy-file": {policy}, "audit-log-path": {log}},
	})
	m := newMutationSite(t, c)
	var mutations map[string]any
	must(t, yaml.Unmarshal([]byte(`
addMetadata: {labels: {cost-center: unassigned}}
dropCapabilities: {mode: audit}
noServiceAccountToken: {exempt: {namespaces: [`+m.Target+`]}}
`), &mutations))
	m.configure(t, mutations)
	pods := m.Admin.CoreV1().Pods(m.Target)
	clustertest.Eventually(t, func(ctx context.Context) error { // until the file is read
		pod, err := pods.Create(ctx, site.Pod(site.GoodImage), metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}})
		if err == nil && pod.Labels["cost-center"] == "" {
			err = fmt.Errorf("the labels are %v", pod.Labels)
		}
		return err
	})
	created := site.Pod(site.GoodImage)
	created.GenerateName, created.Name = "", "audited"
	_, err := pods.Create(t.Context(), created, metav1.CreateOptions{})
	must(t, err)
	got, webhook := annotationsOf(t, log, "audited"), "hookstrap."+m.Namespace+".svc"
	for key, want := range map[string]string{
		webhook + "/dropCapabilities":                       "spec.containers[0].securityContext: would be set to ",
		webhook + "/noServiceAccountToken-exempt":           "namespace: " + m.Target,
		"mutation.webhook.admission.k8s.io/round_0_index_0": `"mutated":true`,
		"patch.webhook.admission.k8s.io/round_0_index_0":    `"value":{"cost-center":"unassigned"}`,
	} {
		if !strings.Contains(got[key], want) {
			t.Errorf("the annotation %s is %q, want %q; all: %q", key, got[key], want, got)
		}
	}
}

// annotationsOf are those of the event in an audit log in which an object of this name was created, with patches readable.
func annotationsOf(t *testing.T, log, name string) (annotations map[string]string) {
	t.Helper()
	clustertest.Eventually(t, func(context.Context) error {
		text, err := os.ReadFile(log) // #nosec G304 -- a file of the test.
		if err != nil {
			return err
		}
		for line := range strings.Lines(string(text)) {
			var event struct {
				Annotations map[string]string
				ObjectRef   struct{ Name string }
			}
			if json.Unmarshal([]byte(line), &event) == nil && event.ObjectRef.Name == name {
				annotations = event.Annotations
				return nil
			}
		}
		return fmt.Errorf("%s says nothing of %s:\n%s", log, name, text)
	})
	return annotations
}
