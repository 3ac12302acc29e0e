// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	ociballs "github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// imageRoom is the directory of the layout, beside the output until it is archived.
const imageRoom = "image"

// writeImage writes the image of the Dockerfile for each platform that containers run on, as an OCI image layout in an
// archive, and its digest: `crane push`, `skopeo copy oci-archive:…`, `ctr image import` and `kind load image-archive`
// take it. No engine is needed, and the digest is known before anything is pushed.
func (r release) writeImage(dist string, binaries []binary) error {
	index := mutate.IndexMediaType(empty.Index, types.OCIImageIndex)
	for _, b := range binaries {
		if b.platform.os != "linux" {
			continue
		}
		image, err := r.image(b)
		if err != nil {
			return fmt.Errorf("making the image for %s: %w", b.platform, err)
		}
		index = mutate.AppendManifests(index, mutate.IndexAddendum{
			Add: image, Descriptor: v1.Descriptor{Platform: &v1.Platform{OS: b.platform.os, Architecture: b.platform.arch}},
		})
	}
	name, err := r.imageName()
	if err != nil {
		return err
	}
	digest, err := index.Digest()
	if err != nil {
		return err
	}
	if err := writeFile(dist, r.named("image.txt"), []byte(name+":"+r.version+"@"+digest.String()+"\n")); err != nil {
		return err
	}
	return r.archiveLayout(dist, index, name)
}

// image is the Dockerfile's, which says why it is as it is.
func (r release) image(b binary) (v1.Image, error) {
	program, err := os.ReadFile(b.path)
	if err != nil {
		return nil, err
	}
	files, err := tarball(r.date, []entry{{"webhook", 0o755, program}})
	if err != nil {
		return nil, err
	}
	open := func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(files)), nil }
	layer, err := ociballs.LayerFromOpener(open, ociballs.WithMediaType(types.OCILayer))
	if err != nil {
		return nil, err
	}
	image := mutate.ConfigMediaType(mutate.MediaType(empty.Image, types.OCIManifestSchema1), types.OCIConfigJSON)
	if image, err = mutate.Append(image, mutate.Addendum{
		Layer: layer, History: v1.History{Created: v1.Time{Time: r.date}, CreatedBy: "COPY /webhook"},
	}); err != nil {
		return nil, err
	}
	return mutate.ConfigFile(image, r.withConfig(image, b.platform))
}

// withConfig is what the image has of its own, with what it is told to a container engine.
func (r release) withConfig(image v1.Image, p platform) *v1.ConfigFile {
	file, _ := image.ConfigFile() // Of an image in memory.
	file = file.DeepCopy()
	file.OS, file.Architecture, file.Created = p.os, p.arch, v1.Time{Time: r.date}
	file.Config = v1.Config{
		User: "65532:65532", Entrypoint: []string{"/webhook"}, WorkingDir: "/",
		Env:          []string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"},
		ExposedPorts: map[string]struct{}{"9443/tcp": {}, "8080/tcp": {}, "8081/tcp": {}},
		Labels: map[string]string{
			"org.opencontainers.image.title":       "hookstrap",
			"org.opencontainers.image.description": "An admission webhook server that bootstraps its own TLS",
			"org.opencontainers.image.source":      "https://github.com/hookstrap/hookstrap",
			"org.opencontainers.image.licenses":    "Apache-2.0",
			"org.opencontainers.image.version":     r.version,
		},
	}
	return file
}

// archiveLayout writes the index under its name and version, as the tools look for them.
func (r release) archiveLayout(dist string, index v1.ImageIndex, name string) error {
	dir := filepath.Join(filepath.Dir(dist), imageRoom)
	path, err := layout.Write(dir, empty.Index)
	if err != nil {
		return err
	}
	err = path.AppendIndex(index, layout.WithAnnotations(map[string]string{
		"org.opencontainers.image.ref.name": r.version, "io.containerd.image.name": name + ":" + r.version,
	}))
	if err != nil {
		return err
	}
	entries, err := filesBelow(dir)
	if err != nil {
		return err
	}
	archive, err := tarball(r.date, entries)
	if err != nil {
		return err
	}
	return writeFile(dist, r.named("image.tar"), archive)
}

// filesBelow are the files of a directory, sorted.
func filesBelow(dir string) ([]entry, error) {
	var entries []entry
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := os.ReadFile(path) // #nosec G304 G122
		if err != nil {
			return err
		}
		name, err := filepath.Rel(dir, path)
		entries = append(entries, entry{filepath.ToSlash(name), 0o644, data})
		return err
	})
	return entries, err
}
