// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package assets

import (
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/mod/modfile"
)

const (
	kubernetesModule = "k8s.io/kubernetes"
	etcdModule       = "go.etcd.io/etcd/server/v3"
)

// Versions are the pinned versions of the control plane, each with its leading "v".
type Versions struct {
	Kubernetes string
	Etcd       string
}

// HarnessModule returns the directory of the module that this package belongs to, given the repository's root.
func HarnessModule(root string) string { return filepath.Join(root, "test", "e2e") }

// ComponentsModule returns the directory of the module which pins the components, given the repository's root.
func ComponentsModule(root string) string {
	return filepath.Join(HarnessModule(root), "cluster", "components")
}

// ReadVersions reads the pinned versions from the components' go.mod under the repository's root.
func ReadVersions(root string) (Versions, error) {
	file := filepath.Join(ComponentsModule(root), "go.mod")
	data, err := os.ReadFile(file)
	if err != nil {
		return Versions{}, fmt.Errorf("reading the pinned versions: %w", err)
	}
	return parseVersions(file, data)
}

func parseVersions(file string, data []byte) (Versions, error) {
	mod, err := modfile.Parse(file, data, nil)
	if err != nil {
		return Versions{}, fmt.Errorf("parsing the pinned versions: %w", err)
	}
	required := map[string]string{}
	for _, r := range mod.Require {
		required[r.Mod.Path] = r.Mod.Version
	}
	v := Versions{Kubernetes: required[kubernetesModule], Etcd: required[etcdModule]}
	for module, version := range map[string]string{kubernetesModule: v.Kubernetes, etcdModule: v.Etcd} {
		if version == "" {
			return Versions{}, fmt.Errorf("%s does not require %s: add it with `go get -C %s %s@VERSION`",
				file, module, filepath.Dir(file), module)
		}
	}
	return v, nil
}
