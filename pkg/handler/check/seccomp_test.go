// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package check

import (
	"strings"
	"testing"
)

func TestSeccomp(t *testing.T) {
	const (
		types    = "RuntimeDefault, Localhost"
		own      = `spec.containers[0].securityContext.seccompProfile: container "a": `
		none     = own + `has no seccomp profile; set seccompProfile.type to "RuntimeDefault" here or in the Pod's securityContext`
		profiles = `localhostProfiles: [profiles/*.json]`
	)
	pod := func(profile string) string {
		return podSpec(`{securityContext: {seccompProfile: ` + profile + `}, containers: [{name: a}]}`)
	}
	container := func(profile string) string {
		return podSpec(`{containers: [{name: a, securityContext: {seccompProfile: ` + profile + `}}]}`)
	}
	testRows(t, "seccomp", map[string]row{
		"of the Pod":       {object: pod(`{type: RuntimeDefault}`)},
		"of the container": {object: container(`{type: RuntimeDefault}`)},
		"none":             {object: podSpec(`{containers: [{name: a}]}`), want: []string{none}},
		"none, files only": {params: `allowedTypes: [Localhost]`, object: podSpec(`{containers: [{name: a}]}`), want: []string{
			strings.Replace(none, "RuntimeDefault", "Localhost", 1)}},
		"none is fine": {params: `allowedTypes: [Unconfined]`, object: podSpec(`{containers: [{name: a}]}`)},
		"Windows":      {object: podSpec(`{os: {name: windows}, containers: [{name: a}]}`)},
		"unconfined":   {object: container(`{type: Unconfined}`), want: []string{own + "has seccomp profile Unconfined; allowed: " + types}},
		"unconfined Pod": {object: pod(`{type: Unconfined}`), want: []string{
			"spec.securityContext.seccompProfile: the Pod has seccomp profile Unconfined; allowed: " + types}},
		"the container does not help": {
			object: podSpec(`{securityContext: {seccompProfile: {type: RuntimeDefault}},
				containers: [{name: a, securityContext: {seccompProfile: {type: Unconfined}}}]}`),
			want: []string{own + "has seccomp profile Unconfined; allowed: " + types},
		},
		"any file":     {object: container(`{type: Localhost, localhostProfile: x}`)},
		"allowed file": {params: profiles, object: container(`{type: Localhost, localhostProfile: profiles/a.json}`)},
		"another file": {params: profiles, object: container(`{type: Localhost, localhostProfile: profiles/../a.json}`), want: []string{
			own + "has seccomp profile Localhost profiles/../a.json; allowed: profiles/*.json"}},
		"no file": {params: profiles, object: container(`{type: Localhost}`), want: []string{
			own + "has seccomp profile Localhost; allowed: profiles/*.json"}},
		"no type": {object: container(`{}`), want: []string{own + "has seccomp profile ; allowed: " + types}},
		"init and ephemeral containers": {
			object: podSpec(`{initContainers: [{name: i}], ephemeralContainers: [{name: e}]}`),
			want: []string{
				`spec.initContainers[0].securityContext.seccompProfile: init container "i": has no seccomp profile; ` +
					`set seccompProfile.type to "RuntimeDefault" here or in the Pod's securityContext`,
				`spec.ephemeralContainers[0].securityContext.seccompProfile: ephemeral container "e": has no seccomp profile; ` +
					`set seccompProfile.type to "RuntimeDefault" here or in the Pod's securityContext`,
			},
		},
	})
	testInvalid(t, "seccomp", `{allowedTypes: [Default], localhostProfiles: ["[", ""]}`,
		"p.allowedTypes[0]", "p.localhostProfiles[0]", "p.localhostProfiles[1]")
}
