// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package check

import (
	"strings"
	"testing"
)

// As Gatekeeper's users and fsgroup, and Kyverno's rules about ranges of users have it.
func TestUserRanges(t *testing.T) {
	const users, groups = `runAsUser: [{min: 100, max: 199}, {min: 1000, max: 1000}]`, `runAsGroup: [{min: 100, max: 199}]`
	const allowed = "allowed: 100-199, 1000-1000"
	pod := func(ofPod, ofContainer string) string {
		return podSpec(`{securityContext: {` + ofPod + `}, containers: [{name: a, image: "x:1", securityContext: {` + ofContainer + `}}]}`)
	}
	unset := func(name, ranges string) string {
		return "spec.containers[0].securityContext." + name + `: container "a": says no ` + name +
			", and runs as that of its image; set it here or in the Pod's securityContext (" + ranges + ")"
	}
	testRows(t, "userRanges", map[string]row{
		"first":                {params: users, object: pod(``, `runAsUser: 100`)},
		"last":                 {params: users, object: pod(``, `runAsUser: 199`)},
		"the other range":      {params: users, object: pod(``, `runAsUser: 1000`)},
		"of the Pod":           {params: users, object: pod(`runAsUser: 150`, ``)},
		"its own":              {params: users, object: pod(`runAsUser: 5`, `runAsUser: 150`)},
		"below":                {params: users, object: pod(``, `runAsUser: 99`), want: []string{`spec.containers[0].securityContext.runAsUser: container "a": user 99; ` + allowed}},
		"above":                {params: users, object: pod(`runAsUser: 150`, `runAsUser: 200`), want: []string{`spec.containers[0].securityContext.runAsUser: container "a": user 200; ` + allowed}},
		"of the Pod, others":   {params: users, object: pod(`runAsUser: 0`, ``), want: []string{`spec.securityContext.runAsUser: user 0 of the Pod; ` + allowed}},
		"unset":                {params: users, object: pod(``, ``), want: []string{unset("runAsUser", allowed)}},
		"unset is allowed":     {params: `{allowUnset: true, ` + users + `}`, object: pod(``, ``)},
		"set to another":       {params: `{allowUnset: true, ` + users + `}`, object: pod(`runAsUser: 1`, ``), want: []string{`spec.securityContext.runAsUser: user 1 of the Pod; ` + allowed}},
		"group":                {params: groups, object: pod(`runAsGroup: 100`, `runAsGroup: 0`), want: []string{`spec.containers[0].securityContext.runAsGroup: container "a": group 0; allowed: 100-199`}},
		"group unset, allowed": {params: `{allowUnset: true, ` + groups + `}`, object: pod(``, ``)},
		"group unset":          {params: groups, object: pod(`runAsUser: 100`, ``), want: []string{unset("runAsGroup", "allowed: 100-199")}},
		"init container": {params: users, object: podSpec(`{initContainers: [{name: i, securityContext: {runAsUser: 0}}], containers: []}`),
			want: []string{`spec.initContainers[0].securityContext.runAsUser: init container "i": user 0; ` + allowed}},
		"groups of the Pod": {params: `{fsGroup: [{min: 5, max: 9}], supplementalGroups: [{min: 7, max: 7}]}`, object: pod(`fsGroup: 10, supplementalGroups: [7, 8]`, ``), want: []string{
			"spec.securityContext.fsGroup: fsGroup 10; allowed: 5-9", "spec.securityContext.supplementalGroups[1]: supplemental group 8; allowed: 7-7"}},
		"no groups":     {params: `{fsGroup: [{min: 5, max: 9}], supplementalGroups: [{min: 7, max: 7}]}`, object: pod(``, ``)},
		"not looked at": {params: users, object: pod(`runAsGroup: 0, fsGroup: 0, supplementalGroups: [0], runAsUser: 100`, ``)},
		"Windows":       {params: users, object: podSpec(`{os: {name: windows}, containers: [{name: a}]}`)},
		"of a template": {params: users, object: replicated("Deployment", `template: {spec: {securityContext: {runAsUser: 1}, containers: [{name: a}]}}`), want: []string{`spec.template.spec.securityContext.runAsUser: user 1 of the Pod; ` + allowed}},
	})
	testInvalid(t, "userRanges", ``, "p.runAsUser")
	testInvalid(t, "userRanges", `{runAsUser: [{min: 5, max: 4}], fsGroup: [{min: -1, max: 4}]}`, "p.runAsUser[0]", "p.fsGroup[0]")
	testUpdate(t, "userRanges", users, pod(`runAsUser: 0`, ``), pod(`runAsUser: 0, fsGroup: 1`, ``), true)
	testUpdate(t, "userRanges", users, pod(`runAsUser: 0`, ``), pod(`runAsUser: 1`, ``), false)
	testUpdate(t, "userRanges", users, pod(``, `runAsUser: 150`), pod(``, ``), false)
	// Another image as the same user is another matter, the same group at another place is not.
	root := pod(`runAsUser: 0`, ``)
	testUpdate(t, "userRanges", users, root, strings.Replace(root, "x:1", "x:2", 1), false)
	const seven = `supplementalGroups: [{min: 7, max: 7}]`
	testUpdate(t, "userRanges", seven, pod(`supplementalGroups: [8]`, ``), pod(`supplementalGroups: [7, 8]`, ``), true)
	testUpdate(t, "userRanges", seven, pod(`supplementalGroups: [8]`, ``), pod(`supplementalGroups: [9]`, ``), false)
}
