// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

// Package dockerfile builds the project's Dockerfile as a user would, with buildah, but without a registry: the image
// of the Go toolchain, which the Dockerfile begins with, is made here of the toolchain and the module cache that run
// the test. It needs root on Linux, and the packages of hack/install-node-packages.
package dockerfile

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
)

// Options say what is built.
type Options struct {
	// Source is the directory with the Dockerfile; it is the context of the build and is not written to.
	Source string
	// Image is the reference that the image gets, such as "localhost/hookstrap:built".
	Image string
	// Version is the build argument VERSION.
	Version string
	// Cache is a directory in which compiled packages and modules outlive the build; it is made if it does not exist.
	Cache string
}

// Build builds the image and returns the path of an archive with it, of the format of `docker save`, in dir. What else
// the build made in dir is removed again. The error has what buildah said.
func Build(ctx context.Context, dir string, o Options) (string, error) {
	b := &builder{Options: o, dir: dir}
	if err := b.prepare(ctx); err != nil {
		return "", err
	}
	archive := filepath.Join(dir, "image.tar")
	err := errors.Join(b.build(ctx, archive), b.clean())
	if err != nil {
		return "", fmt.Errorf("building the Dockerfile in %s: %w", o.Source, err)
	}
	return archive, nil
}

// builder is one build with a storage of its own.
type builder struct {
	Options

	dir     string
	modules string // the download cache of Go's modules, which serves as their proxy
	goroot  string
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
	download := exec.CommandContext(ctx, "go", "mod", "download")
	download.Dir = b.Source
	if out, err := download.CombinedOutput(); err != nil {
		return fmt.Errorf("go mod download in %s: %w: %s", b.Source, err, out)
	}
	out, err := exec.CommandContext(ctx, "go", "env", "GOROOT", "GOMODCACHE").Output()
	if err != nil {
		return fmt.Errorf("go env: %w", err)
	}
	values := strings.Fields(string(out))
	if len(values) != 2 {
		return fmt.Errorf("go env GOROOT GOMODCACHE says %q: want two paths without spaces", out)
	}
	b.goroot, b.modules = values[0], filepath.Join(values[1], "cache", "download")
	return nil
}

func (b *builder) build(ctx context.Context, archive string) error {
	base, err := b.baseOf(filepath.Join(b.Source, "Dockerfile"))
	if err != nil {
		return err
	}
	if err := b.makeBase(ctx, base); err != nil {
		return err
	}
	platform := runtime.GOOS + "/" + runtime.GOARCH
	_, err = b.buildah(ctx, "build", "--pull-never", "--isolation", "chroot", "--network", "host",
		"--volume", b.goroot+":/usr/local/go:ro", "--volume", b.modules+":/proxy:ro",
		"--build-arg", "VERSION="+b.Version, "--build-arg", "BUILDPLATFORM="+platform,
		"--build-arg", "TARGETOS="+runtime.GOOS, "--build-arg", "TARGETARCH="+runtime.GOARCH,
		"--tag", b.Image, b.Source)
	if err != nil {
		return err
	}
	_, err = b.buildah(ctx, "push", "--quiet", b.Image, "docker-archive:"+archive+":"+b.Image)
	return err
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

// makeBase makes the stand-in for the image of the Go toolchain: a shell to run commands with. The toolchain and the
// modules are mounted into the build, since copying them would take longer than compiling.
func (b *builder) makeBase(ctx context.Context, name string) error {
	container, err := b.buildah(ctx, "from", "scratch")
	if err != nil {
		return err
	}
	busybox, err := exec.LookPath("busybox")
	if err != nil {
		return fmt.Errorf("looking for busybox: %w", err)
	}
	for _, args := range [][]string{
		{"copy", "--quiet", container, busybox, "/bin/sh"},
		{"copy", "--quiet", "--chmod", "1777", container, b.emptyDir(), "/tmp"},
		{
			// HOME is where Go keeps what it has compiled, which is where the Dockerfile has a cache mounted.
			"config", "--env", "HOME=/root", "--env", "PATH=/usr/local/go/bin:/bin", "--env", "GOPROXY=file:///proxy",
			"--env", "GOSUMDB=off", container,
		},
		{"commit", "--quiet", container, name},
	} {
		if _, err := b.buildah(ctx, args...); err != nil {
			return err
		}
	}
	return nil
}

// emptyDir is a directory without anything in it.
func (b *builder) emptyDir() string { return filepath.Join(b.dir, "empty") }

// buildah runs a command on the builder's own storage and returns what it says. The driver that copies needs neither a
// file system of a certain kind nor mounts, which an interrupted build would leave behind.
func (b *builder) buildah(ctx context.Context, args ...string) (string, error) {
	if err := os.MkdirAll(b.emptyDir(), 0o700); err != nil {
		return "", fmt.Errorf("making a directory for buildah: %w", err)
	}
	storage := []string{
		"--root", filepath.Join(b.dir, "storage"), "--runroot", filepath.Join(b.dir, "run"), "--storage-driver", "vfs",
	}
	cmd := exec.CommandContext(ctx, "buildah", append(storage, args...)...)
	cmd.Env = append(os.Environ(), "BUILDAH_ISOLATION=chroot", "TMPDIR="+b.Cache)
	var said strings.Builder
	cmd.Stderr = &said
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("buildah %s: %w: %s%s", args[0], err, said.String(), out)
	}
	return strings.TrimSpace(string(out)), nil
}

func (b *builder) clean() error {
	for _, name := range []string{"storage", "run", "empty"} {
		if err := os.RemoveAll(filepath.Join(b.dir, name)); err != nil {
			return fmt.Errorf("removing what the image build left: %w", err)
		}
	}
	return nil
}
