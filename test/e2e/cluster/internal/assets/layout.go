// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package assets

import (
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
)

// The environment variables that choose other binaries. [EnvDir] points at a directory with all of them, supervise
// included; [EnvKubernetes] is the version, such as v1.30.14, of the API server and the controller-manager.
const (
	EnvDir        = "HOOKSTRAP_COMPONENTS_DIR"
	EnvKubernetes = "HOOKSTRAP_KUBERNETES"
)

// Layout says where the binaries are, or where they will be once they are built.
type Layout struct {
	// Root is the repository, and empty if a directory of binaries was chosen outside of it.
	Root string
	// Versions are the pinned ones, but for another Kubernetes that was chosen. They are empty if Root is.
	Versions Versions
	// Dir holds the components, Pinned those that are the same with every Kubernetes: etcd and kubectl.
	Dir, Pinned string
	// Existing are used in place of those, as far as they go.
	Existing Existing
	// Supervise is the path of the supervise binary.
	Supervise string
}

// Locate finds the layout from the working directory and from the environment.
func Locate() (Layout, error) { return LocateIn("") }

// LocateIn finds the layout of the binaries in a directory. If it is empty, they are where [EnvDir] says, or else below
// the repository that the working directory is in; there, what exists already is not built.
func LocateIn(dir string) (Layout, error) {
	dir = cmp.Or(dir, os.Getenv(EnvDir))
	wd, err := os.Getwd()
	if err != nil {
		return Layout{}, fmt.Errorf("finding the working directory: %w", err)
	}
	root, err := FindRoot(wd)
	if err != nil && dir != "" {
		return newLayout("", Versions{}, dir), nil // Nothing is built, so that nothing of the repository is needed.
	}
	if err != nil {
		return Layout{}, fmt.Errorf("%w, or set %s to a directory with the binaries", err, EnvDir)
	}
	versions, err := ReadVersions(root)
	if err != nil {
		return Layout{}, err
	}
	layout := newLayout(root, versions, dir)
	if dir != "" {
		return layout, nil
	}
	other := os.Getenv(EnvKubernetes)
	if other == "" {
		if layout.Existing, err = findExisting(); err != nil {
			return Layout{}, err
		}
		other = layout.Existing.Kubernetes
	}
	if other != "" {
		versions.Kubernetes = other
		layout.Versions, layout.Dir = versions, newLayout(root, versions, "").Dir
	}
	return layout, nil
}

func newLayout(root string, v Versions, override string) Layout {
	l := Layout{Root: root, Versions: v}
	if override != "" {
		l.Dir, l.Pinned, l.Supervise = override, override, filepath.Join(override, "supervise")
		return l
	}
	platform := filepath.Join(root, "bin", runtime.GOOS+"-"+runtime.GOARCH)
	l.Dir = filepath.Join(platform, fmt.Sprintf("kubernetes-%s-etcd-%s", v.Kubernetes, v.Etcd))
	l.Pinned = l.Dir
	l.Supervise = filepath.Join(platform, "supervise")
	return l
}

// Path returns where a component's binary is.
func (l Layout) Path(c Component) string {
	if l.Exists(c) {
		return filepath.Join(l.Existing.Dir, string(c))
	}
	if c == Etcd || c == Kubectl {
		return filepath.Join(l.Pinned, string(c))
	}
	return filepath.Join(l.Dir, string(c))
}

// Exists says whether a component is among those that were not built here. Those of a node never are.
func (l Layout) Exists(c Component) bool {
	return l.Existing.Dir != "" && slices.Contains(Components(), c) &&
		executable(filepath.Join(l.Existing.Dir, string(c)))
}

// Module is the directory of the Go module in which a component is built. That of a Kubernetes that is not the pinned
// one is made by the builder.
func (l Layout) Module(c Component) string {
	if l.Dir == l.Pinned || c == Etcd || c == Kubectl {
		return ComponentsModule(l.Root)
	}
	return filepath.Join(l.Dir, "module")
}
