// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

// Package manifests_test holds the manifests to what they promise: the files as they are, and what comes of applying
// them to a real control plane.
package manifests_test

import (
	"os"
	"path/filepath"
	"testing"

	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer/json"
	"k8s.io/client-go/kubernetes/scheme"
	"sigs.k8s.io/yaml"
)

const (
	name      = "hookstrap"
	namespace = "hookstrap-system"
	overlay   = "overlays/kubelet-serving"
)

// load reads the one object of a file below base, and refuses fields that the API does not have.
func load[T any](t *testing.T, file string) *T {
	t.Helper()
	object, ok := decode(t, filepath.Join("base", file)).(any).(*T)
	if !ok {
		t.Fatalf("%s holds another kind of object", file)
	}
	return object
}

func decode(t *testing.T, path string) runtime.Object {
	t.Helper()
	strict := json.NewSerializerWithOptions(json.DefaultMetaFactory, scheme.Scheme, scheme.Scheme,
		json.SerializerOptions{Yaml: true, Strict: true})
	object, _, err := strict.Decode(read(t, path), nil, nil)
	if err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	return object
}

func read(t *testing.T, path string) []byte {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// kustomization is what one lists.
type kustomization struct {
	Resources      []string `json:"resources"`
	Configurations []string `json:"configurations"`
}

// resources are the files that a kustomization lists.
func resources(t *testing.T, directory string) []string {
	t.Helper()
	return kustomizationOf(t, directory).Resources
}

// configurations are the files by which a kustomization tells kustomize more about its resources.
func configurations(t *testing.T, directory string) []string {
	t.Helper()
	return kustomizationOf(t, directory).Configurations
}

func kustomizationOf(t *testing.T, directory string) kustomization {
	t.Helper()
	var listed kustomization
	if err := yaml.Unmarshal(read(t, filepath.Join(directory, "kustomization.yaml")), &listed); err != nil {
		t.Fatal(err)
	}
	return listed
}
