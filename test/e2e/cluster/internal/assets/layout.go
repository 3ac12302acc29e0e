// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package assets

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
)

// EnvDir names the environment variable that points at a directory with every binary, supervise included.
const EnvDir = "HOOKSTRAP_COMPONENTS_DIR"

// Layout says where the binaries are, or where they will be once they are built.
type Layout struct {
	// Root is the repository.
	Root string
	// Versions are the pinned ones.
	Versions Versions
	// Dir holds the components.
	Dir string
	// Supervise is the path of the supervise binary.
	Supervise string
}

// Locate finds the layout from the working directory and from [EnvDir].
func Locate() (Layout, error) {
	wd, err := os.Getwd()
	if err != nil {
		return Layout{}, fmt.Errorf("finding the working directory: %w", err)
	}
	root, err := FindRoot(wd)
	if err != nil {
		return Layout{}, err
	}
	versions, err := ReadVersions(root)
	if err != nil {
		return Layout{}, err
	}
	return newLayout(root, versions, os.Getenv(EnvDir)), nil
}

func newLayout(root string, v Versions, override string) Layout {
	l := Layout{Root: root, Versions: v}
	if override != "" {
		l.Dir, l.Supervise = override, filepath.Join(override, "supervise")
		return l
	}
	platform := filepath.Join(root, "bin", runtime.GOOS+"-"+runtime.GOARCH)
	l.Dir = filepath.Join(platform, fmt.Sprintf("kubernetes-%s-etcd-%s", v.Kubernetes, v.Etcd))
	l.Supervise = filepath.Join(platform, "supervise")
	return l
}

// Path returns where a component's binary is.
func (l Layout) Path(c Component) string { return filepath.Join(l.Dir, string(c)) }
