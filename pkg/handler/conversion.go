// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package handler

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/sets"
	"sigs.k8s.io/controller-runtime/pkg/conversion"
)

// Conversion converts objects of one kind of a CustomResourceDefinition between its versions, each by way of one of
// them, the hub. Make one with [ConvertFor]; [Handler.Converting] answers an API server with it. It holds no state and
// may be used concurrently.
type Conversion struct {
	hub      schema.GroupVersionKind
	versions map[string]version
}

// version is a version of a kind. The hub has no functions.
type version struct {
	empty          func() any
	toHub, fromHub func(ctx context.Context, from, to any) error
}

// Spoke is a version of a kind whose hub is an H. Make one with [SpokeFor] or [ConvertibleSpoke].
type Spoke[H any] struct {
	name string
	version
}

// ConvertFor makes a conversion between the hub, which is read as an H, and other versions of the same kind. It panics
// if a version is there twice. What a Go type does not know of an object is not converted: handlertest.RoundTrip finds
// what gets lost between the types.
func ConvertFor[H any](hub schema.GroupVersionKind, spokes ...Spoke[H]) *Conversion {
	c := &Conversion{hub: hub, versions: map[string]version{hub.Version: {empty: func() any { return new(H) }}}}
	for _, s := range spokes {
		if _, known := c.versions[s.name]; known || s.name == "" {
			panic(fmt.Sprintf("conversion of %s: version %q is there twice, or empty: name each version once", hub.GroupKind(),
				s.name))
		}
		c.versions[s.name] = s.version
	}
	return c
}

// ValidateConversions says everything that is wrong with conversions that are to be served together: each has to be
// one of [ConvertFor], and a kind can have only one.
func ValidateConversions(conversions ...*Conversion) error {
	var errs []error
	known := sets.New[schema.GroupKind]()
	for i, c := range conversions {
		switch {
		case c == nil || len(c.versions) == 0:
			errs = append(errs, fmt.Errorf("conversion %d is empty: make it with ConvertFor, or remove it", i))
		case known.Has(c.Kind()):
			errs = append(errs, fmt.Errorf("%s has two conversions: give all its versions to one ConvertFor", c.Kind()))
		default:
			known.Insert(c.Kind())
		}
	}
	return errors.Join(errs...)
}

// SpokeFor makes a version of two functions. Each fills in an empty object, which has the metadata already; an error
// says that from cannot be converted. They must not change from, nor have side effects. A type without
// [metav1.ObjectMeta] has no say about the metadata, which stays as it is.
func SpokeFor[S, H any](
	name string, toHub func(ctx context.Context, from *S, to *H) error,
	fromHub func(ctx context.Context, from *H, to *S) error,
) Spoke[H] {
	return Spoke[H]{name: name, version: version{
		empty:   func() any { return new(S) },
		toHub:   func(ctx context.Context, from, to any) error { return toHub(ctx, from.(*S), to.(*H)) },
		fromHub: func(ctx context.Context, from, to any) error { return fromHub(ctx, from.(*H), to.(*S)) },
	}}
}

// ConvertibleSpoke makes a version of a type for controller-runtime's conversion webhook, which converts itself to the
// hub and from it. Name the two types: ConvertibleSpoke[v1.Box, v2.Box]("v1").
func ConvertibleSpoke[S, H any, PS interface {
	*S
	conversion.Convertible
}, PH interface {
	*H
	conversion.Hub
}](name string) Spoke[H] {
	return SpokeFor(name,
		func(_ context.Context, from *S, to *H) error { return PS(from).ConvertTo(PH(to)) },
		func(_ context.Context, from *H, to *S) error { return PS(to).ConvertFrom(PH(from)) })
}

// Kind is that of the objects.
func (c *Conversion) Kind() schema.GroupKind { return c.hub.GroupKind() }

// Versions are the names of the versions: that of the hub first, then the others in the order of the alphabet.
func (c *Conversion) Versions() []string {
	isHub := func(name string) bool { return name == c.hub.Version }
	names := slices.DeleteFunc(slices.Sorted(maps.Keys(c.versions)), isHub)
	return append([]string{c.hub.Version}, names...)
}

// New returns a pointer to an empty object of a version, nil if there is no such version.
func (c *Conversion) New(name string) any {
	if v, known := c.versions[name]; known {
		return v.empty()
	}
	return nil
}

// find returns a version by the apiVersion of an object.
func (c *Conversion) find(apiVersion string) (version, error) {
	gv, err := schema.ParseGroupVersion(apiVersion)
	v, known := c.versions[gv.Version]
	if err != nil || !known || gv.Group != c.hub.Group {
		return v, fmt.Errorf("there is no %s of apiVersion %.100q, only of versions %q", c.Kind(), apiVersion, c.Versions())
	}
	return v, nil
}
