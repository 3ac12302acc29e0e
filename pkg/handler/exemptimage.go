// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package handler

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// containerPath finds the container, or the volume of an image, that a violation is about, by the path of its field.
func containerPath() *regexp.Regexp {
	return regexp.MustCompile(`^((?:[A-Za-z]+\.)*(?:containers|initContainers|ephemeralContainers|volumes)\[\d+\])(?:\.|$)`)
}

// imagesOf finds the images of containers in an object by their path. It reads the object as it is, of whatever kind:
// a field such as spec.template.spec.containers[0] is a container with an image, or it is none.
type imagesOf struct {
	container *regexp.Regexp
	object    any
}

// at returns the image of the container, or image volume, that a field belongs to, and "" if it belongs to none.
func (i imagesOf) at(path string) string {
	match := i.container.FindStringSubmatch(path)
	if match == nil {
		return ""
	}
	switch found := lookup(i.object, match[1])["image"].(type) {
	case string:
		return found
	case map[string]any: // an image volume
		reference, _ := found["reference"].(string)
		return reference
	}
	return ""
}

// lookup follows a path such as spec.containers[0]; nil if there is nothing, or no object.
func lookup(value any, path string) map[string]any {
	for part := range strings.SplitSeq(path, ".") {
		name, index, isIndexed := strings.Cut(strings.TrimSuffix(part, "]"), "[")
		object, _ := value.(map[string]any)
		value = object[name]
		if !isIndexed {
			continue
		}
		list, _ := value.([]any)
		n, err := strconv.Atoi(index)
		if err != nil || n >= len(list) {
			return nil
		}
		value = list[n]
	}
	object, _ := value.(map[string]any)
	return object
}

// withoutImages takes out the violations of containers with exempt images, and returns those images. It errs on the
// side of the check: a violation that is not at a container stays, and so do all when the object cannot be read.
func (e *entry) withoutImages(req *Request, violations []Violation) (rest []Violation, exempt []string) {
	if len(violations) == 0 || len(e.exempt.images) == 0 {
		return violations, nil
	}
	object, err := Object[map[string]any](req)
	if err != nil {
		return violations, nil
	}
	images := imagesOf{container: e.container, object: map[string]any(*object)}
	for _, v := range violations {
		image := images.at(v.Field)
		switch {
		case image == "" || !e.exempt.images.Match(image):
			rest = append(rest, v)
		case !slices.Contains(exempt, image):
			exempt = append(exempt, image)
		}
	}
	return rest, exempt
}
