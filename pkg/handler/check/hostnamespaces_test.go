// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package check

import "testing"

func TestHostNamespaces(t *testing.T) {
	all := podSpec(`{hostNetwork: true, hostPID: true, hostIPC: true}`)
	testRows(t, "hostNamespaces", map[string]row{
		"none": {object: podSpec(`{hostNetwork: false}`)},
		"all": {object: all, want: []string{
			"spec.hostNetwork: hostNetwork: true shares the network namespace of the node; remove it",
			"spec.hostPID: hostPID: true shares the process namespace of the node; remove it",
			"spec.hostIPC: hostIPC: true shares the IPC namespace of the node; remove it",
		}},
		"one is allowed": {params: `allowHostNetwork: true`, object: podSpec(`{hostNetwork: true, hostPID: true}`), want: []string{
			"spec.hostPID: hostPID: true shares the process namespace of the node; remove it"}},
		"all are allowed": {params: `{allowHostNetwork: true, allowHostPID: true, allowHostIPC: true}`, object: all},
		"of a template": {
			object: `{apiVersion: batch/v1, kind: CronJob, spec: {jobTemplate: {spec: {template: {spec: {hostIPC: true}}}}}}`,
			want: []string{"spec.jobTemplate.spec.template.spec.hostIPC: hostIPC: true shares the IPC namespace of the node; " +
				"remove it"},
		},
	})
}
