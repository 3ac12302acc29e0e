// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package patch

import (
	"encoding/json"
	"reflect"
	"slices"
	"strings"
)

// Field returns the field of a struct that has a name in JSON: its own, or else one of a struct that is embedded. It is
// false if there is none.
func Field(of reflect.Type, name string) (reflect.StructField, bool) { return field(of, name, nil) }

// field looks in no type twice: a struct may embed a pointer to what it is embedded in.
func field(of reflect.Type, name string, within []reflect.Type) (reflect.StructField, bool) {
	var embedded []reflect.Type
	for i := range of.NumField() {
		f := of.Field(i)
		called, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		switch inner := pointedTo(f.Type); {
		case f.Anonymous && called == "" && inner.Kind() == reflect.Struct:
			embedded = append(embedded, inner)
		case called == name, called == "" && f.Name == name:
			return f, true
		}
	}
	within = append(within, of)
	for _, inner := range embedded {
		if slices.Contains(within, inner) {
			continue
		}
		if found, ok := field(inner, name, within); ok {
			return found, true
		}
	}
	return reflect.StructField{}, false
}

func pointedTo(t reflect.Type) reflect.Type {
	if t.Kind() == reflect.Pointer {
		return t.Elem()
	}
	return t
}

// typeAt is the type of what is at a path of a value of a type, and the field of the struct that it is in, if it is in
// one. It is nil where the types do not say.
func typeAt(at *path, whole reflect.Type) (reflect.Type, reflect.StructField) {
	var in reflect.StructField
	if at == nil || whole == nil {
		return whole, in
	}
	t, _ := typeAt(at.above, whole)
	if t == nil {
		return nil, in
	}
	if t = pointedTo(t); reflect.PointerTo(t).Implements(reflect.TypeFor[json.Marshaler]()) {
		return nil, in
	}
	switch t.Kind() {
	case reflect.Slice, reflect.Array, reflect.Map:
		return t.Elem(), in
	case reflect.Struct:
		if in, ok := Field(t, at.name); ok {
			return in.Type, in
		}
	default: // It has no parts, or may be anything.
	}
	return nil, in
}

// isOnlyEmpty says whether what is at a path has no more to say when an encoder leaves it out, and is not taken out: it
// is a struct, and not what a pointer points to.
func isOnlyEmpty(at *path, whole reflect.Type) bool {
	t, in := typeAt(at, whole)
	_, options, _ := strings.Cut(in.Tag.Get("json"), ",")
	return t != nil && t.Kind() == reflect.Struct && strings.Contains(options, "omitzero")
}
