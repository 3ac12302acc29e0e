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

// Source is where the CAs of an object come from: all ClusterTrustBundles of a signer, or the one of a name; the zero
// value is our own CA, see [Keeper.Publish].
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
		"the name of a ClusterTrustBundle, or remove the annotation for the CA of the authority",
		text, prefix, prefix, prefix)
}

// String returns the source as [ParseSource] reads it.
func (s Source) String() string {
	if s == (Source{}) {
		return "our own CA"
	}
	return prefix + s.Signer + s.Name
}

// has reports whether a ClusterTrustBundle is one of the source.
func (s Source) has(name string, b trustBundle) bool {
	switch {
	case s == (Source{}):
		return false
	case s.Name != "":
		return s.Name == name
	default:
		return s.Signer == b.signer
	}
}

// sourceOf is the source that an object names.
func sourceOf(obj *unstructured.Unstructured) (Source, error) {
	text := obj.GetAnnotations()[Key]
	if text == "" {
		return Source{}, nil
	}
	return ParseSource(text)
}
