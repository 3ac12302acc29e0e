// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package keeper

import (
	"fmt"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

const (
	// Key is the label by which an object opts in, and the annotation that says where its CAs come from.
	Key = "hookstrap.dev/trust"
	// OptedIn is the label's value.
	OptedIn = "true"

	prefix = "clustertrustbundle/"
)

// Source is where the CAs of an object come from: all ClusterTrustBundles of a signer, or the one of a name.
type Source struct {
	Signer string // DOMAIN/PATH; "" if Name is set
	Name   string // metadata.name; "" if Signer is set
}

// ParseSource reads clustertrustbundle/SIGNER or clustertrustbundle/NAME. The name of a signer has a slash, that of an
// object has none.
func ParseSource(text string) (Source, error) {
	rest, found := strings.CutPrefix(text, prefix)
	domain, path, isSigner := strings.Cut(rest, "/")
	switch {
	case !found || domain == "" || strings.ContainsAny(rest, " \t\n") || strings.Contains(path, "/"):
	case isSigner && path != "":
		return Source{Signer: rest}, nil
	case !isSigner:
		return Source{Name: rest}, nil
	}
	return Source{}, fmt.Errorf("%q names no source of CAs: use %sSIGNER, as in %shookstrap.dev/serving, or %sNAME with "+
		"the name of a ClusterTrustBundle", text, prefix, prefix, prefix)
}

// String returns the source as [ParseSource] reads it.
func (s Source) String() string { return prefix + s.Signer + s.Name }

// has reports whether a ClusterTrustBundle is one of the source.
func (s Source) has(name string, b trustBundle) bool {
	if s.Name != "" {
		return s.Name == name
	}
	return s.Signer == b.signer
}

// sourceOf is the source that an object names, or the default one.
func (k *Keeper) sourceOf(obj *unstructured.Unstructured) (Source, error) {
	text := obj.GetAnnotations()[Key]
	if text == "" && k.opts.Default != (Source{}) {
		return k.opts.Default, nil
	}
	if text == "" {
		return Source{}, fmt.Errorf("it has the label %s and no annotation of that name: add %s: %sSIGNER", Key, Key, prefix)
	}
	return ParseSource(text)
}
