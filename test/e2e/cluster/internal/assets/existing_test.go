// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package assets

import (
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

// withoutExisting makes a test independent of what this machine has.
func withoutExisting(t *testing.T) {
	t.Helper()
	t.Setenv(EnvDir, "")
	t.Setenv(EnvKubernetes, "")
	t.Setenv(EnvExisting, "")
	t.Setenv("HOME", t.TempDir())
	t.Setenv("XDG_DATA_HOME", "")
}

// binaries writes programs that say they are kube-apiserver of a version.
func binaries(t *testing.T, dir, version string, names ...Component) {
	t.Helper()
	for _, name := range names {
		write(t, filepath.Join(dir, string(name)), "#!/bin/sh\necho Kubernetes "+version+"\n", 0o700)
	}
}

// What is in KUBEBUILDER_ASSETS is used, and the rest is built in the same version.
func TestExistingBinariesAreUsed(t *testing.T) {
	withoutExisting(t)
	dir := t.TempDir()
	binaries(t, dir, "v1.34.1", Etcd, APIServer, Kubectl)
	t.Setenv(EnvExisting, dir)
	l, err := Locate()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range DemoComponents() {
		if got := l.Path(c); got != filepath.Join(dir, string(c)) {
			t.Errorf("%s at %s, want it in %s", c, got, dir)
		}
	}
	if absent := l.Absent(DemoComponents()); absent != nil {
		t.Errorf("absent: %v, want nothing", absent)
	}
	manager := l.Path(ControllerManager)
	if !strings.Contains(manager, "kubernetes-v1.34.1-") || l.Module(ControllerManager) != filepath.Join(filepath.Dir(manager), "module") {
		t.Errorf("kube-controller-manager at %s, built in %s: want that of v1.34.1", manager, l.Module(ControllerManager))
	}
	if l.Existing.From != EnvExisting || l.Versions.Kubernetes != "v1.34.1" {
		t.Errorf("got %+v", l)
	}

	t.Setenv(EnvKubernetes, "v1.2.3")
	if chosen, err := Locate(); err != nil || chosen.Existing != (Existing{}) {
		t.Errorf("with another version asked for: %+v, %v; want none of the existing binaries", chosen, err)
	}
}

func TestExistingBinariesThatAreNoUse(t *testing.T) {
	withoutExisting(t)
	dir := t.TempDir()
	t.Setenv(EnvExisting, dir)
	_, err := Locate()
	wantError(t, err, "which has no etcd: correct it, or unset it to build one")

	binaries(t, dir, "whatever", Etcd, APIServer)
	_, err = Locate()
	wantError(t, err, "which is not a version of Kubernetes")
}

func TestNewestOfTheStore(t *testing.T) {
	withoutExisting(t)
	platform := "-" + runtime.GOOS + "-" + runtime.GOARCH
	binaries(t, filepath.Join(Store(), "1.34.1"+platform), "", Etcd, APIServer, Kubectl)
	binaries(t, filepath.Join(Store(), "1.9.9"+platform), "", Etcd, APIServer, Kubectl)
	binaries(t, filepath.Join(Store(), "1.36.0"+platform), "", Etcd) // A download that was cut off.
	binaries(t, filepath.Join(Store(), "1.36.0-plan9-mips"), "", Etcd, APIServer, Kubectl)
	l, err := Locate()
	if err != nil {
		t.Fatal(err)
	}
	if l.Existing.Kubernetes != "v1.34.1" || l.Existing.Dir != filepath.Join(Store(), "1.34.1"+platform) {
		t.Errorf("found %+v, want v1.34.1", l.Existing)
	}
	if err := os.RemoveAll(filepath.Join(Store(), "1.34.1"+platform)); err != nil {
		t.Fatal(err)
	}
	if l, err := Locate(); err != nil || l.Existing != (Existing{}) {
		t.Errorf("found %+v, %v; want nothing that is older than %s", l.Existing, err, oldest)
	}
}
