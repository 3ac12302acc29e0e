// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

// Package dockerfile builds the project's Dockerfile as a user would, with buildah, but without a registry: the image
// of the Go toolchain, which the Dockerfile begins with, is made here of the toolchain that runs the test, with its
// module cache and its build cache. It needs root on Linux, `make components` and the packages of
// hack/install-node-packages.
package dockerfile

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"

	"github.com/hookstrap/hookstrap/test/e2e/cluster/internal/assets"
	"github.com/hookstrap/hookstrap/test/e2e/cluster/internal/run"
)

// directoryPrefix is that of the build's directory. It begins like those of a node, so that the next node removes what
// a crash has left.
const directoryPrefix = "hookstrap-node-image-"

//go:embed build.sh
var script []byte

// Options say what is built.
type Options struct {
	// Source is the directory with the Dockerfile; it is the context of the build and is not written to.
	Source string
	// Image is the reference that the image gets, such as "localhost/hookstrap:built".
	Image string
	// Version is the build argument VERSION.
	Version string
	// Cache is a directory in which the modules outlive the build; it is made if it does not exist.
	Cache string
}

// Build builds the image and returns the path of an archive with it, of the format of `docker save`, in dir. All else
// that the build makes is gone afterwards, or when this process is killed. The error has what buildah said.
func Build(ctx context.Context, dir string, o Options) (string, error) {
	layout, err := assets.Locate()
	if err != nil {
		return "", err
	}
	if err := layout.Missing(assets.Components()); err != nil {
		return "", err
	}
	own, err := run.MakeDir(directoryPrefix)
	if err != nil {
		return "", fmt.Errorf("making a directory for the image build: %w", err)
	}
	b := &builder{Options: o, dir: own.Path, supervise: layout.Supervise}
	archive := filepath.Join(dir, "image.tar")
	if err := errors.Join(b.build(ctx, archive), own.Remove()); err != nil {
		return "", fmt.Errorf("building the Dockerfile in %s: %w", o.Source, err)
	}
	return archive, nil
}

// builder is one build with a directory of its own.
type builder struct {
	Options

	dir       string
	supervise string
	modules   string // the download cache of Go's modules, which serves as their proxy
	goroot    string
	gocache   string // what the toolchain has compiled
}

func (b *builder) build(ctx context.Context, archive string) error {
	// It is the first file: a directory without any is not swept.
	path := filepath.Join(b.dir, "build.sh")
	if err := os.WriteFile(path, script, 0o600); err != nil {
		return fmt.Errorf("writing the script of the image build: %w", err)
	}
	if err := b.prepare(ctx); err != nil {
		return err
	}
	base, err := b.baseOf(filepath.Join(b.Source, "Dockerfile"))
	if err != nil {
		return err
	}
	s := run.Supervisor{Supervise: b.supervise, Dir: b.dir, Unshare: true}
	cmd := s.Cmd(ctx, "/bin/sh", "-eu", path)
	cmd.Env = append(os.Environ(), "dir="+b.dir, "cache="+b.Cache, "goroot="+b.goroot,
		"modules="+b.modules, "gocache="+b.gocache,
		"base="+base, "source="+b.Source, "image="+b.Image, "version="+b.Version, "archive="+archive,
		"os="+runtime.GOOS, "arch="+runtime.GOARCH)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("buildah: %w: %s", err, out)
	}
	return nil
}

// prepare finds the toolchain, and sees to it that everything which `go mod download` will ask for is there: inside the
// build there is no network.
func (b *builder) prepare(ctx context.Context) error {
	for _, tool := range []string{"buildah", "busybox"} {
		if _, err := exec.LookPath(tool); err != nil {
			return fmt.Errorf("%s is not installed: run hack/install-node-packages: %w", tool, err)
		}
	}
	if err := os.MkdirAll(b.Cache, 0o700); err != nil {
		return fmt.Errorf("making the cache of the image build: %w", err)
	}
	download := run.Supervisor{Supervise: b.supervise, Dir: b.dir}.Cmd(ctx, "go", "mod", "download")
	download.Dir = b.Source
	if out, err := download.CombinedOutput(); err != nil {
		return fmt.Errorf("go mod download in %s: %w: %s", b.Source, err, out)
	}
	out, err := exec.CommandContext(ctx, "go", "env", "GOROOT", "GOMODCACHE", "GOCACHE").Output()
	if err != nil {
		return fmt.Errorf("go env: %w", err)
	}
	values := strings.Fields(string(out))
	if len(values) != 3 {
		return fmt.Errorf("go env GOROOT GOMODCACHE GOCACHE says %q: want three paths without spaces", out)
	}
	b.goroot, b.modules, b.gocache = values[0], filepath.Join(values[1], "cache", "download"), values[2]
	return nil
}

// baseOf returns the image that the Dockerfile's first stage begins with.
func (b *builder) baseOf(path string) (string, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return "", fmt.Errorf("reading the Dockerfile: %w", err)
	}
	from := regexp.MustCompile(`(?m)^FROM (?:--platform=\S+ )?(golang:\S+) AS build$`).FindSubmatch(data)
	if from == nil {
		return "", fmt.Errorf("%s has no line \"FROM golang:VERSION AS build\"", path)
	}
	return "docker.io/library/" + string(from[1]), nil
}
