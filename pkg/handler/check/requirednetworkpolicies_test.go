// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package check

import (
	"testing"
)

// As Polaris' missingNetworkPolicy and kube-score's pod-networkpolicy have it.
func TestRequiredNetworkPolicies(t *testing.T) {

	web := labeledPod(``)
	policy := func(spec string) string {
		return `{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {name: policy}, spec: ` + spec + `}`
	}
	lacks := func(path string, types ...string) (texts []string) {
		for _, t := range types {
			texts = append(texts, path+": no NetworkPolicy of type "+t+" selects the Pod; create one first, for it or for the whole namespace")
		}
		return texts
	}
	const both = `policyTypes: [Ingress, Egress]`
	testRows(t, "requiredNetworkPolicies", map[string]row{
		"no policy":            {object: web, want: lacks("spec", "Ingress")},
		"of a template":        {object: replicated("Deployment", webTemplate), want: lacks("spec.template.spec", "Ingress")},
		"its policy":           {object: web, cluster: objects(t, policy(`{podSelector: {matchLabels: {app: web}}}`))},
		"of the namespace":     {object: web, cluster: objects(t, policy(`{podSelector: {}}`))},
		"by an expression":     {object: web, cluster: objects(t, policy(`{podSelector: {matchExpressions: [{key: app, operator: NotIn, values: [db]}]}}`))},
		"of other Pods":        {object: web, cluster: objects(t, policy(`{podSelector: {matchLabels: {app: web, tier: back}}}`)), want: lacks("spec", "Ingress")},
		"in another namespace": {object: web, cluster: objects(t, `{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {name: policy, namespace: other}, spec: {podSelector: {}}}`), want: lacks("spec", "Ingress")},
		"for what goes out":    {object: web, cluster: objects(t, policy(`{podSelector: {}, policyTypes: [Egress]}`)), want: lacks("spec", "Ingress")},
		"both, none":           {params: both, object: web, want: lacks("spec", "Ingress", "Egress")},
		"both, one":            {params: both, object: web, cluster: objects(t, policy(`{podSelector: {}, policyTypes: [Egress]}`)), want: lacks("spec", "Ingress")},
		"both, by its rules":   {params: both, object: web, cluster: objects(t, policy(`{podSelector: {}, egress: [{}]}`))},
		"both, by default":     {params: both, object: web, cluster: objects(t, policy(`{podSelector: {}}`)), want: lacks("spec", "Egress")},
		"on the node's":        {object: labeledPod(`hostNetwork: true`)},
		"Service":              {object: serviceFor(`{}`)},
	})
	testInvalid(t, "requiredNetworkPolicies", `policyTypes: []`, "p.policyTypes")
	testInvalid(t, "requiredNetworkPolicies", `policyTypes: [Ingress, Up]`, "p.policyTypes[1]")
	testUpdate(t, "requiredNetworkPolicies", ``, web, labeledPod(`priority: 1`), true)
	testUpdate(t, "requiredNetworkPolicies", ``, labeledPod(`hostNetwork: true`), web, false)
}

func labeledPod(spec string) string {
	return `{apiVersion: v1, kind: Pod, metadata: {name: web, namespace: shop, labels: {app: web, tier: front}}, spec: {` + spec + `}}`
}
