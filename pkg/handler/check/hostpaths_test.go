// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package check

import (
	"fmt"
	"testing"
)

func TestHostPaths(t *testing.T) {
	const params = `allowed: [{path: /var/log/, readOnly: true}, {path: /data}]`
	at := func(path string) string {
		return podSpec(`{volumes: [{name: s, emptyDir: {}}, {name: v, hostPath: {path: "` + path + `"}}]}`)
	}
	fault := func(path string) []string {
		return []string{`spec.volumes[1].hostPath.path: volume "v" mounts "` + path + `" of the node; allowed: /var/log/, /data`}
	}
	testRows(t, "hostPaths", map[string]row{
		"other volumes":      {object: podSpec(`{volumes: [{name: s, emptyDir: {}}]}`)},
		"itself":             {params: params, object: at("/data")},
		"with a slash":       {params: params, object: at("/data/")},
		"below":              {params: params, object: at("/data/x/y")},
		"double slashes":     {params: params, object: at("//data//x")},
		"begins the same":    {params: params, object: at("/database"), want: fault("/database")},
		"climbs out":         {params: params, object: at("/data/../etc"), want: fault("/data/../etc")},
		"climbs and returns": {params: params, object: at("/data/x/../y"), want: fault("/data/x/../y")},
		"climbs in the end":  {params: params, object: at("/data/.."), want: fault("/data/..")},
		"dots in a name":     {params: params, object: at("/data/..x")},
		"above":              {params: params, object: at("/"), want: fault("/")},
		"elsewhere":          {params: params, object: at("/etc/data"), want: fault("/etc/data")},
		"relative":           {params: params, object: at("data"), want: fault("data")},
		"empty":              {params: params, object: at(""), want: fault("")},
		"all of the node":    {params: `allowed: [{path: /}]`, object: at("/etc")},
		"none is allowed": {object: at("/etc"), want: []string{
			`spec.volumes[1].hostPath.path: volume "v" mounts "/etc" of the node; use another kind of volume`}},
		"for reading": {params: params, object: podSpec(`{volumes: [{name: v, hostPath: {path: /var/log}}],
			containers: [{name: a, volumeMounts: [{name: v, readOnly: true}, {name: other}]}]}`)},
		"for writing": {params: params, object: podSpec(`{volumes: [{name: v, hostPath: {path: /var/log/x}}],
			containers: [{name: a, volumeMounts: [{name: v, readOnly: true}]}],
			initContainers: [{name: i, volumeMounts: [{name: v}]}],
			ephemeralContainers: [{name: e, volumeMounts: [{name: v, readOnly: false}]}]}`), want: []string{
			`spec.initContainers[0].volumeMounts[0].readOnly: init container "i": mounts "/var/log/x" of the node ` +
				`for writing; set readOnly: true`,
			`spec.ephemeralContainers[0].volumeMounts[0].readOnly: ephemeral container "e": mounts "/var/log/x" of the node ` +
				`for writing; set readOnly: true`,
		}},
		"allowed for writing as well": {
			params: `allowed: [{path: /a, readOnly: true}, {path: /a/b}]`,
			object: podSpec(`{volumes: [{name: v, hostPath: {path: /a/b/c}}], containers: [{name: a, volumeMounts: [{name: v}]}]}`),
		},
	})
	testInvalid(t, "hostPaths", `allowed: [{path: ""}, {path: var}, {path: /a/../b}, {path: /ok}]`,
		"p.allowed[0].path", "p.allowed[1].path", "p.allowed[2].path")
}

func TestHostPathsIdentity(t *testing.T) {
	const log = `{name: v, mountPath: /v, readOnly: true}`
	pod := func(path, mount, of string) string {
		return podSpec(fmt.Sprintf(`{volumes: [{name: v, hostPath: {path: %s}}], containers: [
			{name: a, image: x, volumeMounts: [%s]}, {name: b, image: x, volumeMounts: [%s]}]}`, path, mount, of))
	}
	for _, name := range []string{"hostPaths", "podSecurity"} {
		testUpdate(t, name, "", pod("/log", log, ""), pod("/log", log, ""), true)
		testUpdate(t, name, "", pod("/log", log, ""), pod("/", log, ""), false)
		testUpdate(t, name, "", pod("/log", log, ""), pod("/log", `{name: v, mountPath: /v}`, ""), false)
		testUpdate(t, name, "", pod("/log", log, ""), pod("/log", log, log), false)
	}
}
