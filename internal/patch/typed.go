// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package patch

import (
	"encoding/json"
	"reflect"
	"slices"
	"strings"
)

// Field returns the field of a struct that has a name in JSON: its own, or else one of a struct that is embedded, the
// least deep one. It is false if there is none.
func Field(of reflect.Type, name string) (reflect.StructField, bool) {
	var seen []reflect.Type // A struct may embed a pointer to what it is embedded in.
	for level := []reflect.Type{of}; len(level) > 0; {
		var embedded []reflect.Type
		for _, t := range level {
			if slices.Contains(seen, t) {
				continue
			}
			seen = append(seen, t)
			found, inner := own(t, name)
			if found.Type != nil {
				return found, true
			}
			embedded = append(embedded, inner...)
		}
		level = embedded
	}
	return reflect.StructField{}, false
}

// own returns a struct's own field of a name in JSON, and the structs that are embedded in it.
func own(t reflect.Type, name string) (found reflect.StructField, embedded []reflect.Type) {
	for i := range t.NumField() {
		f := t.Field(i)
		called, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		switch inner := pointedTo(f.Type); {
		case f.Anonymous && called == "" && inner.Kind() == reflect.Struct:
			embedded = append(embedded, inner)
		case !f.IsExported() && !f.Anonymous:
		case called == name, called == "" && f.Name == name:
			return f, nil
		}
	}
	return found, embedded
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

// isStruct says whether what is at a path is a struct, and not what a pointer points to; and whether an encoder leaves
// it out when it is empty.
func isStruct(at *path, whole reflect.Type) (is, omitted bool) {
	t, in := typeAt(at, whole)
	_, options, _ := strings.Cut(in.Tag.Get("json"), ",")
	is = t != nil && t.Kind() == reflect.Struct
	return is, is && slices.Contains(strings.Split(options, ","), "omitzero")
}
