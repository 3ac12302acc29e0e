// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package check

import "testing"

func TestPrivilegeEscalation(t *testing.T) {
	const fault = `its processes may gain privileges; set allowPrivilegeEscalation: false`
	testRows(t, "privilegeEscalation", map[string]row{
		"forbidden": {object: podSpec(`{containers: [{name: a, securityContext: {allowPrivilegeEscalation: false}}]}`)},
		"Windows":   {object: podSpec(`{os: {name: windows}, containers: [{name: a}]}`)},
		"Linux is not Windows": {object: podSpec(`{os: {name: linux}, containers: [{name: a}]}`), want: []string{
			`spec.containers[0].securityContext.allowPrivilegeEscalation: container "a": ` + fault}},
		"privileged": {object: podSpec(`{containers: [{name: a, securityContext: {privileged: true}}]}`), want: []string{
			`spec.containers[0].securityContext.allowPrivilegeEscalation: container "a": its processes may gain privileges; ` +
				`remove privileged: true, with which the API server accepts no other value, and then set ` +
				`allowPrivilegeEscalation: false`}},
		"CAP_SYS_ADMIN": {object: podSpec(`{containers: [{name: a, securityContext: {capabilities: {add: [CAP_SYS_ADMIN]}}}]}`), want: []string{
			`spec.containers[0].securityContext.allowPrivilegeEscalation: container "a": its processes may gain privileges; ` +
				`remove CAP_SYS_ADMIN from capabilities.add, with which the API server accepts no other value, and then set ` +
				`allowPrivilegeEscalation: false`}},
		"every sort": {
			object: podSpec(`{initContainers: [{name: i, securityContext: {}}],
				containers: [{name: a, securityContext: {allowPrivilegeEscalation: true}}], ephemeralContainers: [{name: e}]}`),
			want: []string{
				`spec.initContainers[0].securityContext.allowPrivilegeEscalation: init container "i": ` + fault,
				`spec.containers[0].securityContext.allowPrivilegeEscalation: container "a": ` + fault,
				`spec.ephemeralContainers[0].securityContext.allowPrivilegeEscalation: ephemeral container "e": ` + fault,
			},
		},
	})
}
