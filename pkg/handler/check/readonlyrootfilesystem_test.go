// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package check

import "testing"

func TestReadOnlyRootFilesystem(t *testing.T) {
	const fault = `its root file system can be written to; set readOnlyRootFilesystem: true`
	testRows(t, "readOnlyRootFilesystem", map[string]row{
		"read-only": {object: podSpec(`{containers: [{name: a, securityContext: {readOnlyRootFilesystem: true}}]}`)},
		"Windows":   {object: podSpec(`{os: {name: windows}, containers: [{name: a}]}`)},
		"every sort": {
			object: podSpec(`{initContainers: [{name: i, securityContext: {}}],
				containers: [{name: a, securityContext: {readOnlyRootFilesystem: false}}], ephemeralContainers: [{name: e}]}`),
			want: []string{
				`spec.initContainers[0].securityContext.readOnlyRootFilesystem: init container "i": ` + fault,
				`spec.containers[0].securityContext.readOnlyRootFilesystem: container "a": ` + fault,
				`spec.ephemeralContainers[0].securityContext.readOnlyRootFilesystem: ephemeral container "e": ` + fault,
			},
		},
	})
}
