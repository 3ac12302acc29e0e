// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package mutation

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/hookstrap/hookstrap/internal/image"
	"github.com/hookstrap/hookstrap/pkg/handler"
)

// imageDigests adds digests to the images of a table.
type imageDigests struct {
	// Digests are digests by image with its tag, as in ghcr.io/acme/web:v1. An image without a tag has the tag latest.
	Digests map[string]string `json:"digests,omitempty"`
}

func imageDigestsDefinition() handler.Definition {
	const name = "imageDigests"
	return handler.DefineMutation(name, handler.Doc{
		Summary: "Images of the table get their digest.",
		Why: "A tag can be moved to another image, so that two replicas run two programs. A digest always names the same " +
			"bytes, and the table says which. Images that have a digest or are not in the table stay as they are. Pods " +
			"and Jobs that exist get none, and keep theirs when they are applied again without it. Names are compared as " +
			"they are written out: nginx is docker.io/library/nginx:latest.",
		Parameters: `
digests:
  ghcr.io/acme/web:v1: sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08
`,
		Denied: `
apiVersion: v1
kind: Pod
metadata: {name: web}
spec:
  containers:
  - name: web
    image: ghcr.io/acme/web:v1
`,
		Admitted: `
apiVersion: v1
kind: Pod
metadata: {name: web}
spec:
  containers:
  - name: web
    image: ghcr.io/acme/web:v1@sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08
`,
	}, func() imageDigests { return imageDigests{} },
		func(p imageDigests, _ handler.Environment) (handler.Mutation, error) {
			table, _ := p.table(nil)
			return pods{name: name, change: table.change, keep: table.keep}, nil
		})
}

// Validate implements [handler.Validator].
func (p imageDigests) Validate(path *field.Path) field.ErrorList {
	path = path.Child("digests")
	if len(p.Digests) == 0 {
		return field.ErrorList{field.Required(path, "name an image and its digest")}
	}
	_, errs := p.table(path)
	return errs
}

// digestTable has digests by images without one, written out.
type digestTable map[image.Reference]string

func (p imageDigests) table(path *field.Path) (digestTable, field.ErrorList) {
	var errs field.ErrorList
	table := digestTable{}
	for _, name := range slices.Sorted(maps.Keys(p.Digests)) {
		digest := p.Digests[name]
		ref, err := tagged(name)
		if err != nil || ref.Digest != "" {
			errs = append(errs, field.Invalid(path.Key(name), name, "must be an image with a tag and no digest"))
		}
		if _, err := image.Parse("image@" + digest); err != nil {
			errs = append(errs, field.Invalid(path.Key(name), digest, "must be a digest, such as sha256:…"))
		}
		if other, has := table[ref]; has && err == nil && other != digest {
			errs = append(errs, field.Invalid(path.Key(name), digest, "the same image has another digest in the table"))
		}
		table[ref] = digest
	}
	return table, errs
}

// tagged reads an image, with the tag that runtimes take if it has none.
func tagged(name string) (image.Reference, error) {
	ref, err := image.Parse(name)
	ref.Tag = cmp.Or(ref.Tag, "latest")
	return ref, err
}

func (t digestTable) change(spec *corev1.PodSpec) {
	eachImage(spec, func(_ string, name *string) {
		if digest, has := t.digest(*name); has {
			*name += "@" + digest
		}
	})
}

// keep keeps the digest of an image of the table, whatever the table says today: the manifest of a Pod or a Job has
// none, and to apply it again is no reason to start another image in a Pod, and refused for a Job.
func (t digestTable) keep(spec, old *corev1.PodSpec) {
	before := map[string]string{}
	eachImage(old, func(place string, name *string) { before[place] = *name })
	eachImage(spec, func(place string, name *string) {
		if _, has := t.digest(*name); has && strings.HasPrefix(before[place], *name+"@") {
			*name = before[place]
		}
	})
}

// digest returns the digest of an image of the table, which has none.
func (t digestTable) digest(name string) (string, bool) {
	ref, err := tagged(name)
	digest, has := t[ref]
	return digest, has && err == nil
}

// eachImage visits the images of a Pod, each with its place.
func eachImage(spec *corev1.PodSpec, visit func(place string, name *string)) {
	for kind, containers := range [][]corev1.Container{spec.InitContainers, spec.Containers} {
		for i := range containers {
			visit(fmt.Sprint(kind, containers[i].Name), &containers[i].Image)
		}
	}
	for i := range spec.Volumes {
		if source := spec.Volumes[i].Image; source != nil {
			visit("volume "+spec.Volumes[i].Name, &source.Reference)
		}
	}
}
