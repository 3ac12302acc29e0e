// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package check

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/hookstrap/hookstrap/pkg/handler"
)

// ImageTag wants every image of a Pod to say which version it is, by tag or by digest. It looks at containers, init
// containers, ephemeral containers and image volumes. A reference that no container runtime can read is a violation.
// The zero value is ready for use.
type ImageTag struct {
	// RequireDigest wants a digest: a tag can be made to point to another image, a digest cannot.
	RequireDigest bool `json:"requireDigest,omitempty"`
	// AllowLatest allows the tag "latest", and images without a tag, which get that tag.
	AllowLatest bool `json:"allowLatest,omitempty"`
	// DeniedTags are tags that no image may have unless it has a digest too, such as dev or main. A * in one stands for
	// any characters, or none, as in *-SNAPSHOT. An image without a tag has the tag "latest".
	DeniedTags []string `json:"deniedTags,omitempty"`
}

var _ handler.Check = ImageTag{}

func imageTagDefinition() handler.Definition {
	return handler.Define("imageTag", handler.Doc{
		Summary: `Images have a tag other than "latest", or a digest.`,
		Why: "What has no version is another program tomorrow: on another node, after a restart or a rollback. A tag can " +
			"still be moved, and only a digest always names the same bytes; requireDigest asks for one.",
	}, no[ImageTag], func(p ImageTag, _ handler.Environment) (handler.Check, error) { return p, nil }).
		WithDefaultMode(handler.Deny)
}

// Validate implements [handler.Validator].
func (c ImageTag) Validate(path *field.Path) field.ErrorList {
	const pointless = "says nothing when requireDigest is true; remove one of them"
	var errs field.ErrorList
	if c.RequireDigest && c.AllowLatest {
		errs = append(errs, field.Forbidden(path.Child("allowLatest"), pointless))
	}
	if c.RequireDigest && len(c.DeniedTags) > 0 {
		errs = append(errs, field.Forbidden(path.Child("deniedTags"), pointless))
	}
	for i, pattern := range c.DeniedTags {
		if _, err := ParseReference("x:" + strings.ReplaceAll(pattern, "*", "x")); err != nil {
			errs = append(errs, field.Invalid(path.Child("deniedTags").Index(i), pattern,
				"must be a tag, with a * for any characters, such as *-SNAPSHOT"))
		}
	}
	return errs
}

// Name returns "imageTag".
func (ImageTag) Name() string { return "imageTag" }

// LooksAt implements [handler.Looker].
func (ImageTag) LooksAt() []handler.Look { return podLooks() }

// Evaluate returns a violation for each image that does not say enough.
func (c ImageTag) Evaluate(ctx context.Context, req *handler.Request) ([]handler.Violation, error) {
	pod, ok, err := imagesOf(req)
	if err != nil || !ok {
		return nil, err
	}
	return imageViolations(ctx, pod, c.problemOf), ctx.Err()
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
	case c.isDenied(cmp.Or(ref.Tag, latest)):
		return fmt.Sprintf("image %q has the tag %q, which is denied; name another version", image, cmp.Or(ref.Tag, latest))
	case c.AllowLatest:
		return ""
	case ref.Tag == "":
		return fmt.Sprintf("image %q has no tag, which means \"latest\"; add one, as in %s:1.2.3", image, image)
	case ref.Tag == latest:
		return fmt.Sprintf("image %q has the tag \"latest\", which is another image tomorrow; name a version", image)
	}
	return ""
}

// latest is the tag of an image that names none.
const latest = "latest"

func (c ImageTag) isDenied(tag string) bool {
	return slices.ContainsFunc(c.DeniedTags, func(pattern string) bool { return matchesGlob(pattern, tag) })
}
