// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package check

import (
	"context"
	"fmt"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/hookstrap/hookstrap/pkg/handler"
)

// ImageTag wants every image of a Pod to say which version it is, by tag or by digest. It looks at containers, init
// containers, ephemeral containers and image volumes. A reference that no container runtime can read is a violation.
// The zero value is ready for use.
type ImageTag struct {
	// RequireDigest wants a digest: a tag can be made to point to another image, a digest cannot.
	RequireDigest bool
	// AllowLatest allows the tag "latest", and images without a tag, which get that tag.
	AllowLatest bool
}

var _ handler.Check = ImageTag{}

// Name returns "imageTag".
func (ImageTag) Name() string { return "imageTag" }

// Evaluate returns a violation for each image that does not say enough.
func (c ImageTag) Evaluate(_ context.Context, req *handler.Request) ([]handler.Violation, error) {
	pod, ok, err := imagesOf(req)
	if err != nil || !ok {
		return nil, err
	}
	var violations []handler.Violation
	report := func(path *field.Path, user, image string) {
		problem := c.problemOf(image)
		if problem == "" {
			return
		}
		v := handler.Violationf(path, "%s: %s", user, problem)
		v.Identity = v.Message // names the user and the image; the position in the list does not matter
		violations = append(violations, v)
	}
	for _, container := range containersOf(pod) {
		report(container.path.Child("image"), fmt.Sprintf("%s %q", container.sort, container.Name), container.Image)
	}
	for i, volume := range pod.Spec.Volumes {
		// Controllers may have an image volume whose reference is filled in later.
		if volume.Image != nil && volume.Image.Reference != "" {
			path := pod.Path.Child("volumes").Index(i).Child("image", "reference")
			report(path, fmt.Sprintf("volume %q", volume.Name), volume.Image.Reference)
		}
	}
	return violations, nil
}

// problemOf says what is wrong with an image, or nothing. A digest is always good: it wins over a tag beside it.
func (c ImageTag) problemOf(image string) string {
	if strings.TrimSpace(image) == "" {
		return "has no image"
	}
	ref, err := ParseReference(image)
	switch {
	case err != nil:
		return err.Error()
	case ref.Digest != "":
		return ""
	case c.RequireDigest:
		return fmt.Sprintf("image %q has no digest; add one, as in %s@sha256:…", image, image)
	case c.AllowLatest:
		return ""
	case ref.Tag == "":
		return fmt.Sprintf("image %q has no tag, which means \"latest\"; add one, as in %s:1.2.3", image, image)
	case ref.Tag == "latest":
		return fmt.Sprintf("image %q has the tag \"latest\", which is another image tomorrow; name a version", image)
	}
	return ""
}
