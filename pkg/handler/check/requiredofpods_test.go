// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package check

import "testing"

// A template that lacks what its Pods have to have makes none.
func TestRequiredOfTemplates(t *testing.T) {
	deployment := func(metadata, template string) string {
		return `{apiVersion: apps/v1, kind: Deployment, metadata: ` + metadata + `, spec: {template: {metadata: ` + template +
			`, spec: {containers: [{name: a, image: x}]}}}}`
	}
	const pods, all = `{labels: [{key: team}], resources: [pods]}`, `{labels: [{key: team}]}`
	missing := func(at string) string { return at + `[team]: label "team" is required` }
	const template = "spec.template.metadata.labels"
	testRows(t, "requiredLabels", map[string]row{
		"of Pods, there":    {params: pods, object: deployment(`{}`, `{labels: {team: x}}`)},
		"of Pods, missing":  {params: pods, object: deployment(`{labels: {team: x}}`, `{labels: {app: x}}`), want: []string{missing(template) + ", for its Pods"}},
		"of all, missing":   {params: all, object: deployment(`{}`, `{}`), want: []string{missing("metadata.labels"), missing(template) + ", for its Pods"}},
		"of all, there":     {params: all, object: deployment(`{labels: {team: x}}`, `{labels: {team: x}}`)},
		"of others":         {params: `{labels: [{key: team}], resources: [deployments.apps]}`, object: deployment(`{labels: {team: x}}`, `{}`)},
		"of Pods, another":  {params: pods, object: `{apiVersion: v1, kind: Service, metadata: {name: x}}`},
		"a Pod":             {params: pods, object: podSpec(`{}`), want: []string{missing("metadata.labels")}},
		"from a controller": {params: `{labels: [{key: pod-template-hash}], resources: [pods]}`, object: deployment(`{}`, `{}`)},
		"a CronJob": {params: pods, object: `{apiVersion: batch/v1, kind: CronJob, spec: {jobTemplate: {metadata: {labels: {team: x}}, spec: {template: {}}}}}`,
			want: []string{missing("spec.jobTemplate.spec.template.metadata.labels") + ", for its Pods"}},
		"a StatefulSet's claims": {params: pods, object: `{apiVersion: apps/v1, kind: StatefulSet, spec: {template: {metadata: {labels: {team: x}}},
			volumeClaimTemplates: [{metadata: {name: v}}]}}`},
	})
	testRows(t, "requiredAnnotations", map[string]row{
		"of Pods, missing": {params: `{annotations: [{key: a, pattern: "b.*"}], resources: [pods]}`,
			object: deployment(`{annotations: {a: bc}}`, `{annotations: {a: c}}`),
			want:   []string{`spec.template.metadata.annotations[a]: value "c" does not match "b.*", for its Pods`}},
	})
}

// A parameter that can never match would turn a check off without a word.
func TestParametersThatNeverMatch(t *testing.T) {
	for params, want := range map[string][]string{
		`{labels: [{key: a}], resources: [pods, deployments.apps, nodes, widgets.example.com, ingresses.networking.k8s.io]}`: nil,
		`{labels: [{key: a}], resources: [deployments]}`:                                                                     {"p.resources[0]"},
		`{labels: [{key: a}], resources: [pod]}`:                                                                             {"p.resources[0]"},
		`{labels: [{key: a}], resources: [nodes, deployment.apps]}`:                                                          {"p.resources[1]"},
		`{labels: [{key: a}], resources: [deployments.extension]}`:                                                           nil,
		`{labels: [{key: a}], resources: [widgets.apps]}`:                                                                    {"p.resources[0]"},
	} {
		testInvalid(t, "requiredLabels", params, want...)
	}
	rules := func(selectors string) string { return `rules: [` + selectors + `]` }
	for params, want := range map[string][]string{
		rules(`{level: baseline, namespaceSelector: {matchLabels: {a: b}}}, {level: baseline, namespaceSelector: {}}`): nil,
		rules(`{level: baseline, namespaceSelector: {}}, {level: restricted, namespaceSelector: {matchLabels: {a: b}}}`): {
			"p.rules[1].namespaceSelector"},
		rules(`{level: baseline, namespaceSelector: {matchLabels: {a: b}, matchExpressions: [{key: a, operator: DoesNotExist}]}}`): {
			"p.rules[0].namespaceSelector"},
	} {
		testInvalid(t, "podSecurity", params, want...)
	}
}
