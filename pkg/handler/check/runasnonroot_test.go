// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package check

import "testing"

func TestRunAsNonRoot(t *testing.T) {
	const root = `spec.containers[0].securityContext.runAsNonRoot: container "a": may run as root; ` +
		`set runAsNonRoot: true here or in the Pod's securityContext`
	const zero = `spec.containers[0].securityContext.runAsUser: container "a": runs as user 0, which is root; ` +
		`choose another user`
	const named = `spec.containers[0].securityContext.runAsNonRoot: container "a": has runAsUser: 7, but not ` +
		`runAsNonRoot: true; set it here or in the Pod's securityContext`
	testRows(t, "runAsNonRoot", map[string]row{
		"of the Pod":              {object: podSpec(`{securityContext: {runAsNonRoot: true}, containers: [{name: a}]}`)},
		"of the container":        {object: podSpec(`{containers: [{name: a, securityContext: {runAsNonRoot: true}}]}`)},
		"nowhere":                 {object: podSpec(`{containers: [{name: a}]}`), want: []string{root}},
		"a user is no vow":        {object: podSpec(`{securityContext: {runAsUser: 7}, containers: [{name: a}]}`), want: []string{named}},
		"a user of the container": {object: podSpec(`{containers: [{name: a, securityContext: {runAsUser: 7}}]}`), want: []string{named}},
		"a user is accepted": {params: `acceptRunAsUser: true`, object: podSpec(`{securityContext: {runAsUser: 7},
			containers: [{name: a}, {name: b, securityContext: {runAsNonRoot: false, runAsUser: 8}}]}`)},
		"but not user 0": {
			params: `acceptRunAsUser: true`,
			object: podSpec(`{securityContext: {runAsUser: 7}, containers: [{name: a, securityContext: {runAsUser: 0}}]}`),
			want:   []string{zero, root},
		},
		"the Pod may": {
			object: podSpec(`{securityContext: {runAsNonRoot: false}, containers: [{name: a}, {name: b}, {name: c, securityContext: {runAsNonRoot: true}}]}`),
			want:   []string{`spec.securityContext.runAsNonRoot: runAsNonRoot: false of the Pod lets its containers run as root; set it to true`},
		},
		"the container wins": {
			object: podSpec(`{securityContext: {runAsNonRoot: true}, containers: [{name: a, securityContext: {runAsNonRoot: false}}]}`),
			want:   []string{root},
		},
		"user 0 of the Pod": {
			object: podSpec(`{securityContext: {runAsNonRoot: true, runAsUser: 0}, containers: [{name: a}, {name: b}, {name: c}]}`),
			want:   []string{`spec.securityContext.runAsUser: runAsUser: 0 of the Pod is root; choose another user`},
		},
		"user 0 of the Pod, another of the container": {
			object: podSpec(`{securityContext: {runAsNonRoot: true, runAsUser: 0},
				containers: [{name: a, securityContext: {runAsUser: 7}}]}`),
		},
		"user 0": {object: podSpec(`{containers: [{name: a, securityContext: {runAsUser: 0}}]}`), want: []string{zero, root}},
		"init and ephemeral containers": {
			object: podSpec(`{initContainers: [{name: i}], ephemeralContainers: [{name: e}]}`),
			want: []string{
				`spec.initContainers[0].securityContext.runAsNonRoot: init container "i": may run as root; ` +
					`set runAsNonRoot: true here or in the Pod's securityContext`,
				`spec.ephemeralContainers[0].securityContext.runAsNonRoot: ephemeral container "e": may run as root; ` +
					`set runAsNonRoot: true here or in the Pod's securityContext`,
			},
		},
	})
}
