// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package check

import "testing"

func TestRequiredAnnotations(t *testing.T) {
	const params = `annotations: [{key: example.com/contact}, {key: runbook, pattern: "https://.+"}]`
	object := func(annotations string) string {
		return `{apiVersion: example.com/v1, kind: Widget, metadata: {name: w, annotations: ` + annotations + `}}`
	}
	testRows(t, "requiredAnnotations", map[string]row{
		"there": {params: params, object: object(`{example.com/contact: "a b", runbook: "https://x"}`)},
		"missing": {params: params, object: object(`{}`), want: []string{
			`metadata.annotations[example.com/contact]: annotation "example.com/contact" is required`,
			`metadata.annotations[runbook]: annotation "runbook" is required`}},
		"not so": {params: params, object: object(`{example.com/contact: "", runbook: "see https://x"}`), want: []string{
			`metadata.annotations[example.com/contact]: annotation "example.com/contact" must not be empty`,
			`metadata.annotations[runbook]: value "see https://x" does not match "https://.+"`}},
		"other resources": {params: `{annotations: [{key: a}], resources: [pods, widgets.example.org]}`, object: object(`{}`)},
		"this resource": {params: `{annotations: [{key: a}], resources: [widgets.example.com]}`, object: object(`{}`), want: []string{
			`metadata.annotations[a]: annotation "a" is required`}},
	})
	testInvalid(t, "requiredAnnotations", `{}`, "p.annotations")
	testInvalid(t, "requiredAnnotations", `{annotations: [{key: "a b"}, {key: a, pattern: "("}], resources: [Pods]}`,
		"p.annotations[0]", "p.annotations[1]", "p.resources[0]")
	testInvalid(t, "requiredLabels", `{labels: [{key: "a b"}, {key: a, pattern: "a)|(b"}], resources: [pods/status]}`,
		"p.labels[0]", "p.labels[1]", "p.resources[0]")
}
