// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"io"
	"log"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/validate"
)

// layout unpacks the image's archive, and returns its directory.
func (r *testRelease) layout(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for file, data := range unpack(t, r.read(t, release{version: testVersion}.named("image.tar"))) {
		path := filepath.Join(dir, file)
		if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// reference is what the file beside the archive says: NAME:VERSION@DIGEST.
func (r *testRelease) reference(t *testing.T) (tag, digest string) {
	t.Helper()
	text := strings.TrimSpace(string(r.read(t, release{version: testVersion}.named("image.txt"))))
	tag, digest, _ = strings.Cut(text, "@")
	return tag, digest
}

// The image is that of the Dockerfile, for each platform of Linux, with the binary of the archives.
func (r *testRelease) testImage(t *testing.T) {
	root, err := layout.ImageIndexFromPath(r.layout(t))
	if err != nil {
		t.Fatal(err)
	}
	if err := validate.Index(root); err != nil {
		t.Error(err)
	}
	top, err := root.IndexManifest()
	if err != nil || len(top.Manifests) != 1 {
		t.Fatalf("the layout has another index than one with the image: %v, %v", top, err)
	}
	tag, digest := r.reference(t)
	if got := top.Manifests[0]; got.Digest.String() != digest || got.Annotations["io.containerd.image.name"] != tag {
		t.Errorf("the layout has %v, want %s with the digest %s", got, tag, digest)
	}
	index, err := root.ImageIndex(top.Manifests[0].Digest)
	if err != nil {
		t.Fatal(err)
	}
	manifest, err := index.IndexManifest()
	if err != nil {
		t.Fatal(err)
	}
	var want, platforms []string
	for _, p := range r.platforms {
		if p.os == "linux" {
			want = append(want, p.String())
		}
	}
	for _, m := range manifest.Manifests {
		image, err := index.Image(m.Digest)
		if err != nil {
			t.Fatal(err)
		}
		platforms = append(platforms, m.Platform.String())
		r.compareImage(t, image, m.Platform)
	}
	if diff := cmp.Diff(want, platforms); diff != "" {
		t.Errorf("platforms (-want +got):\n%s", diff)
	}
}

func (r *testRelease) compareImage(t *testing.T, image v1.Image, platform *v1.Platform) {
	t.Helper()
	file, err := image.ConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	if file.OS != platform.OS || file.Architecture != platform.Architecture {
		t.Errorf("the image for %s says %s/%s", platform, file.OS, file.Architecture)
	}
	compareWithDockerfile(t, r.roots[0], file.Config)
	layers, err := image.Layers()
	if err != nil || len(layers) != 1 {
		t.Fatalf("%d layers, want 1: %v", len(layers), err)
	}
	content, err := layers[0].Uncompressed()
	if err != nil {
		t.Fatal(err)
	}
	data, err := io.ReadAll(content)
	if err != nil {
		t.Fatal(err)
	}
	archive := release{version: testVersion}.named(platform.OS + "_" + platform.Architecture + ".tar.gz")
	if diff := cmp.Diff(map[string][]byte{"webhook": unpack(t, r.read(t, archive))["webhook"]}, unpack(t, data),
		cmp.Comparer(slices.Equal[[]byte])); diff != "" {
		t.Errorf("the image for %s has something else than the binary of the archive", platform)
	}
}

// compareWithDockerfile compares what an image says of itself with the last stage of the Dockerfile.
func compareWithDockerfile(t *testing.T, root string, got v1.Config) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, "Dockerfile")) // #nosec G304
	if err != nil {
		t.Fatal(err)
	}
	stage := string(text)[strings.LastIndex(string(text), "\nFROM "):]
	argument := func(instruction string) string {
		found := regexp.MustCompile(`(?m)^` + instruction + ` (.*)$`).FindStringSubmatch(stage)
		if found == nil {
			t.Fatalf("the Dockerfile has no %s", instruction)
		}
		return found[1]
	}
	labels := map[string]string{}
	for _, label := range regexp.MustCompile(`(org\.opencontainers\.\S+?)="(.*?)"`).FindAllStringSubmatch(stage, -1) {
		labels[label[1]] = strings.ReplaceAll(label[2], "$VERSION", testVersion)
	}
	var ports []string
	for port := range got.ExposedPorts {
		ports = append(ports, strings.TrimSuffix(port, "/tcp"))
	}
	want := strings.Fields(argument("EXPOSE"))
	slices.Sort(want)
	slices.Sort(ports)
	if diff := cmp.Diff(want, ports); diff != "" {
		t.Errorf("ports (-Dockerfile +image):\n%s", diff)
	}
	if diff := cmp.Diff(labels, got.Labels); diff != "" {
		t.Errorf("labels (-Dockerfile +image):\n%s", diff)
	}
	if got.User != argument("USER") || `["`+strings.Join(got.Entrypoint, `", "`)+`"]` != argument("ENTRYPOINT") {
		t.Errorf("the image runs %v as %s, the Dockerfile %s as %s", got.Entrypoint, got.User, argument("ENTRYPOINT"),
			argument("USER"))
	}
}

// What the workflow pushes with has the digest that was written before it.
func (r *testRelease) testPush(t *testing.T) {
	quiet := log.New(io.Discard, "", 0) //nolint:forbidigo // It goes nowhere.
	server := httptest.NewServer(registry.New(registry.Logger(quiet)))
	defer server.Close()
	tag := strings.TrimPrefix(server.URL, "http://") + "/somewhere/else:" + testVersion
	out, err := exec.CommandContext(t.Context(), "go", "tool", "crane", "push", r.layout(t), tag).CombinedOutput() // #nosec G204
	if err != nil {
		t.Fatalf("pushing: %v\n%s", err, out)
	}
	reference, err := name.ParseReference(tag)
	if err != nil {
		t.Fatal(err)
	}
	pushed, err := remote.Get(reference)
	if err != nil {
		t.Fatal(err)
	}
	if _, digest := r.reference(t); pushed.Digest.String() != digest {
		t.Errorf("the digest is %s after it was pushed, and %s before", pushed.Digest, digest)
	}
}
