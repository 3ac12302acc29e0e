// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"sigs.k8s.io/kustomize/api/krusty"
	kustomize "sigs.k8s.io/kustomize/api/types"
	"sigs.k8s.io/kustomize/kyaml/filesys"
	"sigs.k8s.io/yaml"
)

// writeManifests writes what `kubectl kustomize manifests` prints, with the image of this version.
func (r release) writeManifests(dist string, _ []binary) error {
	name, err := r.imageName()
	if err != nil {
		return err
	}
	files := filesys.MakeFsInMemory()
	entries, err := filesBelow(filepath.Join(r.root, "manifests"))
	if err != nil {
		return err
	}
	for _, e := range entries {
		if err := files.WriteFile("/release/manifests/"+e.name, e.data); err != nil {
			return err
		}
	}
	overlay, err := yaml.Marshal(kustomize.Kustomization{
		Resources: []string{"manifests"}, Images: []kustomize.Image{{Name: name, NewTag: r.version}},
	})
	if err != nil {
		return err
	}
	if err := files.WriteFile("/release/kustomization.yaml", overlay); err != nil {
		return err
	}
	objects, err := krusty.MakeKustomizer(krusty.MakeDefaultOptions()).Run(files, "/release")
	if err != nil {
		return err
	}
	text, err := objects.AsYaml()
	if err != nil {
		return err
	}
	head := fmt.Sprintf("# Hookstrap %s: kubectl apply -f install.yaml. See docs/install.md.\n", r.version)
	return writeFile(dist, "install.yaml", append([]byte(head), text...))
}

// imageName is that of the manifests.
func (r release) imageName() (string, error) {
	path := filepath.Join(r.root, "manifests/base/kustomization.yaml")
	text, err := os.ReadFile(path) // #nosec G304
	if err != nil {
		return "", err
	}
	var base kustomize.Kustomization
	if err := yaml.Unmarshal(text, &base); err != nil {
		return "", fmt.Errorf("reading %s: %w", path, err)
	}
	if len(base.Images) != 1 {
		return "", errors.New(path + " does not name exactly one image: give it the field images, with one name")
	}
	return base.Images[0].Name, nil
}
