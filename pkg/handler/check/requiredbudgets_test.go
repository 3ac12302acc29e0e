// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package check

import (
	"fmt"
	"testing"
)

const (
	webTemplate = `template: {metadata: {labels: {app: web, tier: front}}, spec: {}}`
	webScaler   = `{apiVersion: autoscaling/v2, kind: HorizontalPodAutoscaler, metadata: {name: s}, spec: {minReplicas: 3, maxReplicas: 9,
		scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: web}}}`
)

// As Polaris' missingPodDisruptionBudget, kube-score's deployment-has-poddisruptionbudget and Kyverno's require-pdb have it.
func TestRequiredBudgets(t *testing.T) {
	budget := func(selector string) string {
		return `{apiVersion: policy/v1, kind: PodDisruptionBudget, metadata: {name: b}, spec: {maxUnavailable: 1` + selector + `}}`
	}
	lacks := func(n int) []string {
		return []string{fmt.Sprintf("spec.replicas: %d replicas, and no PodDisruptionBudget selects them; create one first, with maxUnavailable: 1", n)}
	}
	three := replicated("Deployment", `replicas: 3, `+webTemplate)
	one := replicated("Deployment", `replicas: 1, `+webTemplate)
	testRows(t, "requiredBudgets", map[string]row{
		"no budget":             {object: three, want: lacks(3)},
		"a budget":              {object: three, cluster: objects(t, budget(`, selector: {matchLabels: {app: web}}`))},
		"by an expression":      {object: three, cluster: objects(t, budget(`, selector: {matchExpressions: [{key: tier, operator: In, values: [back, front]}]}`))},
		"by a missing label":    {object: three, cluster: objects(t, budget(`, selector: {matchExpressions: [{key: zone, operator: DoesNotExist}]}`))},
		"of other Pods":         {object: three, cluster: objects(t, budget(`, selector: {matchLabels: {app: web, tier: back}}`)), want: lacks(3)},
		"of all Pods":           {object: three, cluster: objects(t, budget(`, selector: {}`))},
		"of none":               {object: three, cluster: objects(t, budget(``)), want: lacks(3)},
		"in another namespace":  {object: three, cluster: objects(t, `{apiVersion: policy/v1, kind: PodDisruptionBudget, metadata: {name: b, namespace: other}, spec: {selector: {}}}`), want: lacks(3)},
		"one replica":           {object: one},
		"none said":             {object: replicated("StatefulSet", webTemplate)},
		"two":                   {object: replicated("StatefulSet", `replicas: 2, `+webTemplate), want: lacks(2)},
		"from three on":         {params: `minReplicas: 3`, object: replicated("StatefulSet", `replicas: 2, `+webTemplate)},
		"scaled to none":        {object: replicated("Deployment", `replicas: 0, `+webTemplate), cluster: objects(t, webScaler)},
		"autoscaled":            {object: one, cluster: objects(t, webScaler), want: lacks(3)},
		"autoscaled, not asked": {params: `countAutoscalers: false`, object: one, cluster: objects(t, webScaler)},
		"ReplicationController": {object: replicated("ReplicationController", `replicas: 2, `+webTemplate), want: lacks(2)},
		"DaemonSet":             {object: replicated("DaemonSet", webTemplate)},
		"of a Deployment": {object: `{apiVersion: apps/v1, kind: ReplicaSet, metadata: {name: web, namespace: shop, ownerReferences: [
			{apiVersion: apps/v1, kind: Deployment, name: web, uid: u, controller: true}]}, spec: {replicas: 2, ` + webTemplate + `}}`},
	})
	testInvalid(t, "requiredBudgets", `minReplicas: 0`, "p.minReplicas")
	testUpdate(t, "requiredBudgets", ``, three, replicated("Deployment", `replicas: 5, `+webTemplate), true)
	testUpdate(t, "requiredBudgets", ``, one, three, false)
}
