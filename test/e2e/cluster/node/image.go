// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package node

import (
	"archive/tar"
	"bytes"
	"fmt"
	"io"
	"os"
	"runtime"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
)

// Image is one static binary in one layer, on top of nothing, as our Dockerfile makes it.
type Image struct {
	// Name is the image's name and tag.
	Name string
	// Binary is the file, Path where it is in the image: the entry point.
	Binary, Path string
	// User is the numeric user and group that runs it.
	User string
}

// WebhookImage describes what our Dockerfile builds, from a binary that is there.
func WebhookImage(name, binary string) Image {
	return Image{Name: name, Binary: binary, Path: "/webhook", User: "65532:65532"}
}

// Write writes the image to a file that container engines can import, and returns the file's size in bytes.
func (i Image) Write(file string) (size int64, err error) {
	tag, err := name.NewTag(i.Name)
	if err != nil {
		return 0, fmt.Errorf("naming the image: %w", err)
	}
	image, err := i.build()
	if err != nil {
		return 0, fmt.Errorf("building the image %s: %w", i.Name, err)
	}
	if err := tarball.WriteToFile(file, tag, image); err != nil {
		return 0, fmt.Errorf("writing the image %s: %w", i.Name, err)
	}
	info, err := os.Stat(file)
	if err != nil {
		return 0, fmt.Errorf("looking at the image %s: %w", i.Name, err)
	}
	return info.Size(), nil
}

func (i Image) build() (v1.Image, error) {
	content, err := i.layer()
	if err != nil {
		return nil, err
	}
	layer, err := tarball.LayerFromOpener(func() (io.ReadCloser, error) {
		return io.NopCloser(bytes.NewReader(content)), nil
	})
	if err != nil {
		return nil, err
	}
	image, err := mutate.AppendLayers(empty.Image, layer)
	if err != nil {
		return nil, err
	}
	config, err := image.ConfigFile()
	if err != nil {
		return nil, err
	}
	config.OS, config.Architecture = runtime.GOOS, runtime.GOARCH
	config.Config.Entrypoint = []string{i.Path}
	config.Config.User = i.User
	return mutate.ConfigFile(image, config)
}

// layer is a tar archive of the binary alone.
func (i Image) layer() ([]byte, error) {
	binary, err := os.ReadFile(i.Binary)
	if err != nil {
		return nil, err
	}
	var archive bytes.Buffer
	w := tar.NewWriter(&archive)
	header := &tar.Header{Name: i.Path[1:], Mode: 0o755, Size: int64(len(binary)), Typeflag: tar.TypeReg}
	if err := w.WriteHeader(header); err != nil {
		return nil, err
	}
	if _, err := w.Write(binary); err != nil {
		return nil, err
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return archive.Bytes(), nil
}
