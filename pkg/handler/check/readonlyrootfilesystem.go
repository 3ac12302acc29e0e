// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package check

import (
	"context"

	"github.com/hookstrap/hookstrap/pkg/handler"
)

// readOnlyRootFilesystem denies containers that can write to the files of their image. It has no parameters.
type readOnlyRootFilesystem struct{}

func readOnlyRootFilesystemDefinition() handler.Definition {
	return definePods("readOnlyRootFilesystem", handler.Doc{
		Summary: "Every container says readOnlyRootFilesystem: true.",
		Why: "Who breaks into a program then cannot replace it, nor leave another one beside it. What has to be written " +
			"goes into an emptyDir, where it is seen and can be limited.",
	}, no[readOnlyRootFilesystem])
}

func (readOnlyRootFilesystem) violations(ctx context.Context, pod PodTemplate) []handler.Violation {
	if pod.isWindows() {
		return nil
	}
	var violations []handler.Violation
	for _, c := range heeded(ctx, containersOf(pod)) {
		if !isTrue(c.security().ReadOnlyRootFilesystem) {
			v := c.riskf(c.path().Child("securityContext", "readOnlyRootFilesystem"),
				"its root file system can be written to; set readOnlyRootFilesystem: true")
			violations = append(violations, saying(v, v.Message+pod.meantForWindows()))
		}
	}
	return violations
}
