// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package check

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/hookstrap/hookstrap/pkg/handler"
)

// isInjected says whether Istio changes the Pods of a template before a validating webhook sees them.
func (t PodTemplate) isInjected() bool {
	const label, templates = "sidecar.istio.io/inject", "inject.istio.io/templates"
	return t.isTemplate() && t.Metadata != nil && (t.Metadata.Labels[label] == "true" ||
		t.Metadata.Annotations[label] == "true" || t.Metadata.Annotations[templates] != "")
}

// isFilledIn says whether a container is one that Istio puts its proxy in place of: by its name, and by an image that
// stands for none.
func isFilledIn(c corev1.Container) bool { return c.Image == "auto" && c.Name == "istio-proxy" }

// imageViolations asks about every image of a Pod: those of its containers of all sorts, and of its volumes. problemOf
// says what is wrong with an image, or nothing.
func imageViolations(
	ctx context.Context, pod PodTemplate, problemOf func(image string) string,
) []handler.Violation {
	var violations []handler.Violation
	report := func(path *field.Path, user, problem string) {
		v := handler.Violationf(path, "%s: %s", user, problem)
		v.Identity = v.Message // names the user and the image; the position in the list does not matter
		violations = append(violations, v)
	}
	injected := pod.isInjected()
	for _, container := range heeded(ctx, containersOf(pod)) {
		if injected && isFilledIn(*container.Container) {
			continue // Its Pods have another image, and are looked at with that.
		}
		if problem := problemOf(container.Image); problem != "" {
			report(container.path().Child("image"), fmt.Sprintf("%s %q", container.sort, container.Name), problem)
		}
	}
	for i, volume := range heeded(ctx, pod.Spec.Volumes) {
		// Controllers may have an image volume whose reference is filled in later.
		if volume.Image == nil || volume.Image.Reference == "" {
			continue
		}
		if problem := problemOf(volume.Image.Reference); problem != "" {
			path := pod.Path.Child("volumes").Index(i).Child("image", "reference")
			report(path, fmt.Sprintf("volume %q", volume.Name), problem)
		}
	}
	return violations
}
