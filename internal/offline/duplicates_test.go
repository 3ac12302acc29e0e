// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package offline

import (
	"strings"
	"testing"
)

const (
	webDeployment = `---
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: shop}
spec:
  REPLICAS
  selector: {matchLabels: {app: web}}
  template: {metadata: {labels: {app: web}}, spec: {containers: [{name: web, image: registry.example/web:1}]}}
`
	webBudget = `---
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata: {name: web, namespace: shop}
spec: {minAvailable: 2, selector: {matchLabels: {app: web}}}
`
)

func webOf(replicas string) string { return strings.Replace(webDeployment, "REPLICAS", replicas, 1) }

// A cluster has one object of a name, however many manifests are for it.
func TestDuplicatesCountOnce(t *testing.T) {
	for name, tt := range map[string]struct{ manifests, want string }{
		"the same twice":        {webOf("replicas: 2") + webOf("replicas: 2") + webBudget, "minAvailable: 2 of 2 replicas blocks every eviction"},
		"the fewest of several": {webOf("replicas: 5") + webOf("replicas: 2") + webOf("replicas: 3") + webBudget, "minAvailable: 2 of 2 replicas blocks"},
		"enough of each":        {webOf("replicas: 5") + webOf("replicas: 3") + webBudget + webBudget, "4 objects in 1 file: 0 denied"},
		"a second budget": {webOf("replicas: 5") + webBudget + strings.Replace(webBudget, "name: web", "name: other", 1),
			`PodDisruptionBudget "web" selects the same Pods`},
	} {
		if got := judgeBuiltIn(t, "{podDisruptionBudgets: {}}", tt.manifests); !strings.Contains(got, tt.want) {
			t.Errorf("%s: got %s", name, got)
		}
	}
}

// In a cluster, KEDA makes a HorizontalPodAutoscaler, which is what checks find there.
func TestScaledObjectsAreAutoscalers(t *testing.T) {
	scaled := func(spec string) string {
		return "---\napiVersion: keda.sh/v1alpha1\nkind: ScaledObject\nmetadata: {name: web, namespace: shop}\nspec: " + spec + "\n"
	}
	for name, tt := range map[string]struct{ checks, manifests, want string }{
		"enough":          {"{replicaLimits: {}}", webOf("") + scaled("{scaleTargetRef: {name: web}, minReplicaCount: 3}"), "2 objects in 1 file: 0 denied"},
		"by default":      {"{replicaLimits: {}}", webOf("") + scaled("{scaleTargetRef: {name: web}}"), "its HorizontalPodAutoscaler, 1, as well"},
		"another kind":    {"{replicaLimits: {}}", webOf("") + scaled("{scaleTargetRef: {name: web, kind: StatefulSet}, minReplicaCount: 3}"), "1 denied"},
		"of a budget":     {"{podDisruptionBudgets: {}}", webOf("replicas: 9") + webBudget + scaled("{scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: web}, minReplicaCount: 2}"), "2 of 2 replicas, as few as autoscaling may leave, blocks"},
		"of many at once": {"{replicaLimits: {}}", webOf("") + scaled("{scaleTargetRef: {name: x}, minReplicaCount: 3}") + scaled("{scaleTargetRef: {name: web}, minReplicaCount: 3}"), "0 denied"},
	} {
		if got := judgeBuiltIn(t, tt.checks, tt.manifests); !strings.Contains(got, tt.want) {
			t.Errorf("%s: got %s", name, got)
		}
	}
}

// What a ServiceAccount among the manifests says holds for Pods beside it.
func TestServiceAccountsOfManifests(t *testing.T) {
	account := "---\napiVersion: v1\nkind: ServiceAccount\nmetadata: {name: web, namespace: shop}\nautomountServiceAccountToken: false\n"
	pod := "---\napiVersion: v1\nkind: Pod\nmetadata: {name: web, namespace: shop}\nspec: {serviceAccountName: web, containers: [{name: c, image: 'x:1'}]}\n"
	for manifests, want := range map[string]string{pod: "is mounted", account + pod: "2 objects in 1 file: 0 denied"} {
		if got := judgeBuiltIn(t, "{serviceAccountToken: {}}", manifests); !strings.Contains(got, want) {
			t.Errorf("got %s", got)
		}
	}
}
