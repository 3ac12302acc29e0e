// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package check

import "testing"

func TestPrivileged(t *testing.T) {
	testRows(t, "privileged", map[string]row{
		"plain": {object: podSpec(`{securityContext: {}, containers: [{name: a}, {name: b, securityContext: {privileged: false}}]}`)},
		"every sort": {
			object: podSpec(`{containers: [{name: a, securityContext: {privileged: true}}],
				initContainers: [{name: i, securityContext: {privileged: true}}],
				ephemeralContainers: [{name: e, securityContext: {privileged: true}}]}`),
			want: []string{
				`spec.initContainers[0].securityContext.privileged: init container "i": privileged: true makes it root ` +
					`on the node; remove it`,
				`spec.containers[0].securityContext.privileged: container "a": privileged: true makes it root on the node; remove it`,
				`spec.ephemeralContainers[0].securityContext.privileged: ephemeral container "e": privileged: true makes it ` +
					`root on the node; remove it`,
			},
		},
		"host process": {
			object: podSpec(`{securityContext: {windowsOptions: {hostProcess: true}},
				containers: [{name: a, securityContext: {windowsOptions: {hostProcess: true}}}]}`),
			want: []string{
				`spec.securityContext.windowsOptions.hostProcess: hostProcess: true runs the containers as processes of the ` +
					`node; remove it`,
				`spec.containers[0].securityContext.windowsOptions.hostProcess: container "a": hostProcess: true makes it ` +
					`a process of the node; remove it`,
			},
		},
	})
}

// That a privileged container was let in does not mean that it may run something else.
func TestPrivilegedIdentity(t *testing.T) {
	pod := func(image string) string {
		return podSpec(`{containers: [{name: a, image: ` + image + `, securityContext: {privileged: true}}]}`)
	}
	testUpdate(t, "privileged", "", pod("x:1"), pod("x:2"), false)
	testUpdate(t, "privileged", "", pod("x:1"), pod("x:1"), true)
	swapped := func(first, second string) string {
		one := `{name: ` + first + `, securityContext: {privileged: true}}`
		return podSpec(`{containers: [` + one + `, {name: ` + second + `}]}`)
	}
	testUpdate(t, "privileged", "", swapped("a", "b"), podSpec(
		`{containers: [{name: b}, {name: a, securityContext: {privileged: true}}]}`), true)
	testUpdate(t, "privileged", "", swapped("a", "b"), swapped("b", "a"), false)
}
