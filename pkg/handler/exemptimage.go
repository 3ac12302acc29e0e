// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package handler

import (
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/hookstrap/hookstrap/internal/lean"
)

// containerPath finds the container, or the volume of an image, that a violation is about, by the path of its field.
func containerPath() *regexp.Regexp {
	lists := strings.Join(containerLists(), "|")
	return regexp.MustCompile(`^((?:[A-Za-z]+\.)*(?:` + lists + `)\[\d+\])(?:\.|$)`)
}

// containerLists are what lists of containers, and of volumes of images, are called.
func containerLists() []string {
	return []string{"containers", "initContainers", "ephemeralContainers", "volumes"}
}

// imagesOf finds the images of containers in an object by their path. It reads the object as it is, of whatever kind:
// a field such as spec.template.spec.containers[0] is a container with an image, or it is none.
type imagesOf struct {
	container *regexp.Regexp
	object    imaged
}

// imaged is what is on the way to images in an object of whatever kind, and the images. Within what is called
// containers only what is called so again may be on the way.
type imaged map[string]any

// DecodeLean leaves out what else containers have: it is most of an object, and would be decoded for nothing.
func (i *imaged) DecodeLean(o lean.Object) error { return lean.DecodePart(i, o.Whole(), toImages) }

func toImages(name []byte) (lean.Verdict, lean.Shape) {
	if string(name) == "metadata" {
		return lean.Drop, nil
	}
	return towardsImages(name)
}

func towardsImages(name []byte) (lean.Verdict, lean.Shape) {
	if isContainers(name) {
		return lean.Read, onlyImage
	}
	return lean.Read, towardsImages
}

func onlyImage(name []byte) (lean.Verdict, lean.Shape) {
	switch {
	case string(name) == "image":
		return lean.Read, nil
	case isContainers(name):
		return lean.Read, onlyImage
	}
	return lean.Drop, nil
}

func isContainers(name []byte) bool { return slices.Contains(containerLists(), string(name)) }

// at returns the image of the container, or image volume, that a field belongs to, and "" if it belongs to none.
func (i imagesOf) at(path string) string {
	match := i.container.FindStringSubmatch(path)
	if match == nil {
		return ""
	}
	switch found := lookup(map[string]any(i.object), match[1])["image"].(type) {
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
