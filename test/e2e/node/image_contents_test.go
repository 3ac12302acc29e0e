// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build node

package node

import (
	"archive/tar"
	"errors"
	"fmt"
	"io"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
)

// contents are what an image is made of.
type contents struct {
	User       string
	Entrypoint []string
	// Files are the paths and modes of all layers; directories are left out.
	Files []string

	compressed, uncompressed int64
}

func ignoreSizes() cmp.Option { return cmpopts.IgnoreUnexported(contents{}) }

// contentsOf reads an archive as `docker save` makes it.
func contentsOf(t *testing.T, archive, image string) contents {
	t.Helper()
	tag, err := name.NewTag(image)
	must(t, err)
	found, err := tarball.ImageFromPath(archive, &tag)
	must(t, err)
	config, err := found.ConfigFile()
	must(t, err)
	c := contents{User: config.Config.User, Entrypoint: config.Config.Entrypoint}
	layers, err := found.Layers()
	must(t, err)
	for _, layer := range layers {
		must(t, c.add(layer))
	}
	slices.Sort(c.Files)
	return c
}

func (c *contents) add(layer v1.Layer) error {
	size, err := layer.Size()
	if err != nil {
		return err
	}
	c.compressed += size
	reader, err := layer.Uncompressed()
	if err != nil {
		return err
	}
	defer func() { _ = reader.Close() }() // It was only read.
	for archive := tar.NewReader(reader); ; {
		header, err := archive.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("reading a layer: %w", err)
		}
		if header.Typeflag != tar.TypeDir {
			c.Files = append(c.Files, header.Name+" "+header.FileInfo().Mode().String())
			c.uncompressed += header.Size
		}
	}
}
