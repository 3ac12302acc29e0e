// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package check

import (
	"fmt"
	"testing"
)

// As kube-score's deployment-has-host-podantiaffinity, kube-linter's no-anti-affinity, Polaris' topologySpreadConstraint and
// Kyverno's rule about spreading have it.
func TestTopologySpread(t *testing.T) {
	of := func(kind string, replicas int, spec string) string {
		return replicated(kind, fmt.Sprintf(`replicas: %d, template: {metadata: {labels: {app: web, tier: front}}, spec: {%s}}`, replicas, spec))
	}
	lacks := func(n int, over, advice string) []string {
		return []string{fmt.Sprintf("spec.replicas: %d replicas, and nothing spreads their Pods%s; add %s that select them", n, over, advice)}
	}
	const either, constraints = "topologySpreadConstraints or podAntiAffinity", "topologySpreadConstraints"
	spread := func(key, selector string) string {
		return `topologySpreadConstraints: [{maxSkew: 1, topologyKey: ` + key + `, whenUnsatisfiable: ScheduleAnyway` + selector + `}]`
	}
	const web, host, zone = `, labelSelector: {matchLabels: {app: web}}`, "kubernetes.io/hostname", "topology.kubernetes.io/zone"
	required := func(rest string) string {
		return `affinity: {podAntiAffinity: {requiredDuringSchedulingIgnoredDuringExecution: [{topologyKey: ` + host + rest + `}]}}`
	}
	preferred := `affinity: {podAntiAffinity: {preferredDuringSchedulingIgnoredDuringExecution: [{weight: 1, podAffinityTerm: {topologyKey: ` + host + web + `}}]}}`
	hosts := `topologyKeys: [` + host + `]`
	testRows(t, "topologySpread", map[string]row{
		"nothing":                  {object: of("Deployment", 2, ``), want: lacks(2, "", either)},
		"StatefulSet":              {object: of("StatefulSet", 3, ``), want: lacks(3, "", either)},
		"one replica":              {object: of("Deployment", 1, ``)},
		"too few":                  {params: `minReplicas: 4`, object: of("Deployment", 3, ``)},
		"autoscaled":               {object: of("Deployment", 1, ``), cluster: objects(t, webScaler), want: lacks(3, "", either)},
		"autoscaled, not asked":    {params: `countAutoscalers: false`, object: of("Deployment", 1, ``), cluster: objects(t, webScaler)},
		"constraint":               {object: of("Deployment", 2, spread(zone, web))},
		"constraint, no selector":  {object: of("Deployment", 2, spread(zone, "")), want: lacks(2, "", either)},
		"constraint of all":        {object: of("Deployment", 2, spread(zone, ", labelSelector: {}"))},
		"constraint of others":     {object: of("Deployment", 2, spread(zone, `, labelSelector: {matchLabels: {app: wbe}}`)), want: lacks(2, "", either)},
		"over another topology":    {params: hosts, object: of("Deployment", 2, spread(zone, web)), want: lacks(2, " over "+host, either)},
		"over that topology":       {params: hosts, object: of("Deployment", 2, spread(host, web))},
		"required anti-affinity":   {object: of("Deployment", 2, required(web))},
		"preferred anti-affinity":  {object: of("Deployment", 2, preferred)},
		"anti-affinity to others":  {object: of("Deployment", 2, required(`, labelSelector: {matchLabels: {app: db}}`)), want: lacks(2, "", either)},
		"in another namespace":     {object: of("Deployment", 2, required(web+`, namespaces: [other]`)), want: lacks(2, "", either)},
		"in selected namespaces":   {object: of("Deployment", 2, required(web+`, namespaceSelector: {matchLabels: {team: other}}`)), want: lacks(2, "", either)},
		"in its own namespace":     {object: of("Deployment", 2, required(web+`, namespaces: [other, shop]`))},
		"in all namespaces":        {object: of("Deployment", 2, required(web+`, namespaceSelector: {}`))},
		"in its own, selected":     {object: of("Deployment", 2, required(web+`, namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: shop}}`))},
		"in both":                  {object: of("Deployment", 2, required(web+`, namespaces: [other], namespaceSelector: {}`))},
		"to another tier":          {object: of("Deployment", 2, required(web+`, mismatchLabelKeys: [tier]`)), want: lacks(2, "", either)},
		"to another of no label":   {object: of("Deployment", 2, required(web+`, mismatchLabelKeys: [none]`))},
		"anti-affinity, not taken": {params: `allowAntiAffinity: false`, object: of("Deployment", 2, preferred), want: lacks(2, "", constraints)},
		"affinity":                 {object: of("Deployment", 2, `affinity: {podAffinity: {requiredDuringSchedulingIgnoredDuringExecution: [{topologyKey: `+host+web+`}]}}`), want: lacks(2, "", either)},
		"DaemonSet":                {object: replicated("DaemonSet", webTemplate)},
	})
	testInvalid(t, "topologySpread", `{minReplicas: -1, topologyKeys: [a b]}`, "p.minReplicas", "p.topologyKeys[0]")
	testUpdate(t, "topologySpread", ``, of("Deployment", 2, ``), of("Deployment", 3, ``), true)
	testUpdate(t, "topologySpread", ``, of("Deployment", 2, spread(zone, web)), of("Deployment", 2, ``), false)
	for n, reads := range map[int32]bool{1: false, 2: true} { // Every workload has one replica, with an autoscaler or not.
		if got := (topologySpread{MinReplicas: n, CountAutoscalers: true}).ReadsCluster(); got != reads {
			t.Errorf("minReplicas %d: reads the cluster: %v", n, got)
		}
	}
}
