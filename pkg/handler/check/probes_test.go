// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package check

import "testing"

func TestProbes(t *testing.T) {
	const probe = `{httpGet: {port: 80}}`
	const all = `{name: a, readinessProbe: ` + probe + `, livenessProbe: ` + probe + `}`
	missing := func(path, name, probe string) string {
		return path + "." + probe + `: container "` + name + `": has no ` + probe + "; add one"
	}
	both := []string{
		missing("spec.containers[0]", "a", "readinessProbe"), missing("spec.containers[0]", "a", "livenessProbe"),
	}
	testRows(t, "probes", map[string]row{
		"both":            {object: podSpec(`{restartPolicy: Always, containers: [` + all + `]}`)},
		"none":            {object: podSpec(`{restartPolicy: Always, containers: [{name: a}]}`), want: both},
		"by default":      {object: podSpec(`{containers: [{name: a}]}`), want: both},
		"one of two":      {object: podSpec(`{containers: [` + all + `, {name: b, livenessProbe: ` + probe + `}]}`), want: []string{missing("spec.containers[1]", "b", "readinessProbe")}},
		"ends":            {object: podSpec(`{restartPolicy: Never, containers: [{name: a}]}`)},
		"ends some day":   {object: podSpec(`{restartPolicy: OnFailure, containers: [{name: a}]}`)},
		"init containers": {object: podSpec(`{initContainers: [{name: i}]}`)},
		"sidecar": {object: podSpec(`{initContainers: [{name: i}, {name: s, restartPolicy: Always, livenessProbe: ` + probe + `}]}`), want: []string{
			`spec.initContainers[1].readinessProbe: init container "s": has no readinessProbe; add one`}},
		"sidecar of what ends": {object: podSpec(`{restartPolicy: Never, initContainers: [{name: s, restartPolicy: Always}]}`)},
		"ephemeral":            {object: podSpec(`{ephemeralContainers: [{name: e}]}`)},
		"not wanted":           {params: `{readiness: false, liveness: false}`, object: podSpec(`{containers: [{name: a}]}`)},
		"startup":              {params: `startup: true`, object: podSpec(`{containers: [` + all + `]}`), want: []string{missing("spec.containers[0]", "a", "startupProbe")}},
		"Job":                  {object: `{apiVersion: batch/v1, kind: Job, spec: {template: {spec: {restartPolicy: Never, containers: [{name: a}]}}}}`},
		"CronJob": {object: `{apiVersion: batch/v1, kind: CronJob, spec: {jobTemplate: {spec: {template: {spec: {
			restartPolicy: OnFailure, containers: [{name: a}]}}}}}}`},
		"DaemonSet": {
			object: `{apiVersion: apps/v1, kind: DaemonSet, spec: {template: {spec: {containers: [{name: a}]}}}}`,
			want: []string{
				missing("spec.template.spec.containers[0]", "a", "readinessProbe"),
				missing("spec.template.spec.containers[0]", "a", "livenessProbe"),
			},
		},
	})
}
