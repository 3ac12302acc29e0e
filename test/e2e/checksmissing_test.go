// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package e2e

import "testing"

// Objects that are there are found, with the rights of the component, and what is not is denied: the cache has heard of
// what was created before, in whatever order.
func testMissing(t *testing.T, s *checkSite) {
	t.Helper()
	const (
		namesAll = `{apiVersion: apps/v1, kind: Deployment, spec: {replicas: 2, selector: {matchLabels: {app: missing}},
			template: {metadata: {labels: {app: missing}}, spec: {serviceAccountName: known,
				volumes: [{name: files, persistentVolumeClaim: {claimName: known}}, {name: key, secret: {secretName: secret}}],
				containers: [{name: app, image: "x:1", envFrom: [{configMapRef: {name: known}}]}]}}}}`
		leads  = `{apiVersion: v1, kind: Service, spec: {selector: {app: missing}, ports: [{port: 80, targetPort: 80}]}}`
		scales = `{apiVersion: autoscaling/v2, kind: HorizontalPodAutoscaler, spec: {minReplicas: 2, maxReplicas: 9,
			scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: known}}}`
		account   = `{apiVersion: v1, kind: ServiceAccount}`
		settings  = `{apiVersion: v1, kind: ConfigMap}`
		claim     = `{apiVersion: v1, kind: PersistentVolumeClaim, spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}}`
		policy    = `{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, spec: {podSelector: {matchLabels: {app: missing}}}}`
		newBudget = `{apiVersion: policy/v1, kind: PodDisruptionBudget, spec: {maxUnavailable: 1, selector: {matchLabels: {app: missing}}}}`
		complete  = "assumeComplete: true"
	)
	for _, step := range []struct {
		check, parameters, manifest string
		needs                       []string
	}{
		{"danglingReferences", complete, namesAll, []string{account, settings, claim}},
		{"danglingReferences", complete, leads, []string{namesAll}},
		{"danglingReferences", complete, scales, nil},
		{"requiredNetworkPolicies", "", namesAll, []string{policy}},
		{"requiredBudgets", "", namesAll, []string{newBudget}},
	} {
		manifest := renamed(t, step.manifest, "missing", s.Target)
		s.only(t, definitionOf(t, step.check), step.parameters)
		if len(step.needs) > 0 {
			eventuallyDenied(t, manifest, step.check)
		}
		must(t, s.handler.SetChecks())
		for _, need := range step.needs {
			mustApply(t, renamed(t, need, "known", s.Target))
		}
		s.only(t, definitionOf(t, step.check), step.parameters)
		eventuallyAdmitted(t, manifest)
	}
}
