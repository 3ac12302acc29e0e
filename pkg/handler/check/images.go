// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package check

import (
	"context"
	"fmt"

	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/hookstrap/hookstrap/pkg/handler"
)

// imageViolations asks about every image of a Pod: those of its containers of all sorts, and of its volumes. problemOf
// says what is wrong with an image, or nothing.
func imageViolations(
	ctx context.Context, pod PodTemplate, problemOf func(image string) string,
) []handler.Violation {
	var violations []handler.Violation
	report := func(path *field.Path, user, image string) {
		problem := problemOf(image)
		if problem == "" {
			return
		}
		v := handler.Violationf(path, "%s: %s", user, problem)
		v.Identity = v.Message // names the user and the image; the position in the list does not matter
		violations = append(violations, v)
	}
	for _, container := range heeded(ctx, containersOf(pod)) {
		report(container.path.Child("image"), fmt.Sprintf("%s %q", container.sort, container.Name), container.Image)
	}
	for i, volume := range heeded(ctx, pod.Spec.Volumes) {
		// Controllers may have an image volume whose reference is filled in later.
		if volume.Image != nil && volume.Image.Reference != "" {
			path := pod.Path.Child("volumes").Index(i).Child("image", "reference")
			report(path, fmt.Sprintf("volume %q", volume.Name), volume.Image.Reference)
		}
	}
	return violations
}
