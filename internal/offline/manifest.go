// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package offline

import (
	"fmt"
	"io"

	"k8s.io/apimachinery/pkg/runtime/schema"
)

// Manifest is an object of a file.
type Manifest struct {
	File string
	// Line is where the object begins, from 1.
	Line int
	Kind schema.GroupVersionKind
	// Namespace and Name are those of its metadata.
	Namespace, Name string
	JSON            []byte
}

// Manifests reads files, directories and "-", which is input, as a check of manifests does. Unreadable is what could
// not be read, each as a sentence. The error is a path that was named and cannot be read.
func Manifests(paths []string, input io.Reader) (all []Manifest, unreadable []string, err error) {
	m, err := read(paths, input)
	if err != nil {
		return nil, nil, err
	}
	for i := range m.objects {
		o := &m.objects[i]
		all = append(all, Manifest{
			File: o.file, Line: o.line, Kind: o.kind, Namespace: o.namespace, Name: o.name, JSON: o.raw,
		})
	}
	for _, p := range m.problems {
		unreadable = append(unreadable, fmt.Sprintf("%s:%d: %s", p.file, p.line, p.text))
	}
	return all, unreadable, nil
}
