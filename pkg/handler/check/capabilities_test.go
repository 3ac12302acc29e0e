// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package check

import "testing"

func TestCapabilities(t *testing.T) {
	with := func(capabilities string) string {
		return podSpec(`{containers: [{name: a, securityContext: {capabilities: ` + capabilities + `}}]}`)
	}
	added := func(name string) string {
		return `spec.containers[0].securityContext.capabilities.add[0]: container "a": adds capability "` + name +
			`"; allowed: NET_BIND_SERVICE`
	}
	const undropped = `spec.containers[0].securityContext.capabilities.drop: container "a": does not drop capabilities; ` +
		`add ALL to capabilities.drop`
	testRows(t, "capabilities", map[string]row{
		"drops all":        {object: with(`{drop: [ALL]}`)},
		"adds what may be": {object: with(`{drop: [ALL], add: [NET_BIND_SERVICE]}`)},
		"adds another":     {object: with(`{drop: [ALL], add: [SYS_ADMIN]}`), want: []string{added("SYS_ADMIN")}},
		"adds all":         {object: with(`{drop: [ALL], add: [ALL]}`), want: []string{added("ALL")}},
		"adds all, small":  {object: with(`{drop: [ALL], add: [all]}`), want: []string{added("all")}},
		"another spelling": {object: with(`{drop: [ALL], add: [CAP_SYS_ADMIN]}`), want: []string{added("CAP_SYS_ADMIN")}},
		"drops nothing":    {object: with(`{}`), want: []string{undropped}},
		"no capabilities":  {object: podSpec(`{containers: [{name: a}]}`), want: []string{undropped}},
		"drops some":       {object: with(`{drop: [NET_RAW]}`), want: []string{undropped}},
		"some are enough":  {params: `requiredDrop: [NET_RAW]`, object: with(`{drop: [NET_RAW, MKNOD]}`)},
		"all are some":     {params: `requiredDrop: [NET_RAW]`, object: with(`{drop: [ALL]}`)},
		"drops all, small": {object: with(`{drop: [all]}`), want: []string{
			`spec.containers[0].securityContext.capabilities.drop: container "a": drops "all"; write ALL`}},
		"drops another spelling": {params: `requiredDrop: [NET_RAW, CHOWN]`, object: with(`{drop: [CAP_NET_RAW, chown]}`), want: []string{
			`spec.containers[0].securityContext.capabilities.drop: container "a": drops "CAP_NET_RAW", "chown"; write NET_RAW, CHOWN`}},
		"adds another spelling": {object: with(`{drop: [ALL], add: [CAP_NET_BIND_SERVICE]}`), want: []string{
			`spec.containers[0].securityContext.capabilities.add[0]: container "a": adds "CAP_NET_BIND_SERVICE"; write NET_BIND_SERVICE`}},
		"nothing to drop":  {params: `requiredDrop: []`, object: with(`{}`)},
		"Windows has none": {object: podSpec(`{os: {name: windows}, containers: [{name: a}]}`)},
		"nothing to add": {params: `{allowedAdd: [], requiredDrop: []}`, object: with(`{add: [CHOWN]}`), want: []string{
			`spec.containers[0].securityContext.capabilities.add[0]: container "a": adds capability "CHOWN"; none is allowed`}},
		"init and ephemeral containers": {
			object: podSpec(`{initContainers: [{name: i}], ephemeralContainers: [{name: e}]}`),
			want: []string{
				`spec.initContainers[0].securityContext.capabilities.drop: init container "i": does not drop capabilities; ` +
					`add ALL to capabilities.drop`,
				`spec.ephemeralContainers[0].securityContext.capabilities.drop: ephemeral container "e": does not drop ` +
					`capabilities; add ALL to capabilities.drop`,
			},
		},
	})
	testInvalid(t, "capabilities", `{allowedAdd: [CAP_CHOWN], requiredDrop: []}`, "p.allowedAdd[0]")
	testInvalid(t, "capabilities", `{allowedAdd: [], requiredDrop: [ALL, all]}`, "p.requiredDrop[1]")
}
