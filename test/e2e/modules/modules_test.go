// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

// Package modules_test holds the module files to each other: go.mod asks for the lowest versions that work, release.mod
// pins those that are shipped, and the tests of this module are built with the shipped ones.
package modules_test

import (
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/mod/modfile"
	"golang.org/x/mod/semver"
)

func parse(t *testing.T, name string) *modfile.File {
	t.Helper()
	path := filepath.Join("../../..", name)
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	file, err := modfile.Parse(path, data, nil)
	if err != nil {
		t.Fatal(err)
	}
	return file
}

func versions(file *modfile.File) map[string]string {
	versions := map[string]string{}
	for _, r := range file.Require {
		versions[r.Mod.Path] = r.Mod.Version
	}
	return versions
}

// What is shipped is no older than what authors get at least.
func TestReleaseIsNotBelowTheFloor(t *testing.T) {
	floor, release := parse(t, "go.mod"), parse(t, "release.mod")
	if floor.Module.Mod.Path != release.Module.Mod.Path {
		t.Errorf("release.mod is of module %s, go.mod of %s", release.Module.Mod.Path, floor.Module.Mod.Path)
	}
	if semver.Compare("v"+release.Go.Version, "v"+floor.Go.Version) < 0 {
		t.Errorf("release.mod is for Go %s, go.mod for %s", release.Go.Version, floor.Go.Version)
	}
	shipped := versions(release)
	for _, r := range floor.Require {
		version := shipped[r.Mod.Path]
		if version == "" && !r.Indirect {
			t.Errorf("release.mod lacks %s", r.Mod.Path)
		}
		if version != "" && semver.Compare(version, r.Mod.Version) < 0 {
			t.Errorf("release.mod has %s %s, below go.mod's %s: run `go get -modfile=release.mod %[1]s@%[3]s`",
				r.Mod.Path, version, r.Mod.Version)
		}
	}
}

// The floor is what README.md promises, and what authors do not need is not in it.
func TestFloor(t *testing.T) {
	floor := parse(t, "go.mod")
	if floor.Go.Version != "1.25.0" {
		t.Errorf("go.mod asks for Go %s, want 1.25.0", floor.Go.Version)
	}
	got := versions(floor)
	for module, want := range map[string]string{
		"k8s.io/api": "v0.34", "k8s.io/apimachinery": "v0.34", "k8s.io/client-go": "v0.34", "k8s.io/component-base": "v0.34",
		"k8s.io/pod-security-admission": "v0.34", "sigs.k8s.io/controller-runtime": "v0.22",
	} {
		if semver.MajorMinor(got[module]) != want {
			t.Errorf("go.mod asks for %s %q, want a %s", module, got[module], want)
		}
	}
	for _, module := range []string{
		"github.com/google/go-containerregistry", "github.com/santhosh-tekuri/jsonschema/v6",
		"github.com/distribution/reference", "golang.org/x/mod",
	} {
		if got[module] != "" {
			t.Errorf("go.mod has %s, which only the tests of this module need", module)
		}
	}
}

// Tests in this process are of the versions that are shipped.
func TestTestsUseTheShippedVersions(t *testing.T) {
	shipped, tested := versions(parse(t, "release.mod")), versions(parse(t, "test/e2e/go.mod"))
	for module, version := range tested {
		if want := shipped[module]; want != "" && version != want {
			t.Errorf("test/e2e/go.mod has %s %s, release.mod %s", module, version, want)
		}
	}
}
