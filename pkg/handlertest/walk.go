// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package handlertest

import (
	"encoding"
	"encoding/json"
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/hookstrap/hookstrap/internal/patch"
)

// part is an object within a document. Its place is the path to it without the places in lists and the keys of maps.
type part struct {
	place  string
	object map[string]any
}

// walk visits the objects within a document of which a type has a struct, and those that it does not know; all of them
// if the type is nil. Maps of the type are no such objects, and what decodes itself may know each member.
func walk(t reflect.Type, place string, document any, visit func(part)) {
	for t != nil && t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if t != nil && decodesItself(t) {
		return
	}
	switch value := document.(type) {
	case map[string]any:
		if t != nil && t.Kind() != reflect.Struct && t.Kind() != reflect.Map {
			return
		}
		isMap := t != nil && t.Kind() == reflect.Map
		if !isMap {
			visit(part{place, value})
		}
		for _, name := range slices.Sorted(maps.Keys(value)) {
			if isMap {
				walk(t.Elem(), place+"[]", value[name], visit)
			} else {
				walk(typeOf(t, name), strings.TrimPrefix(place+"."+name, "."), value[name], visit)
			}
		}
	case []any:
		if t != nil && t.Kind() != reflect.Slice && t.Kind() != reflect.Array {
			return
		}
		if t != nil {
			t = t.Elem()
		}
		for _, item := range value {
			walk(t, place+"[]", item, visit)
		}
	}
}

func decodesItself(t reflect.Type) bool {
	p := reflect.PointerTo(t)
	return p.Implements(reflect.TypeFor[json.Unmarshaler]()) || p.Implements(reflect.TypeFor[encoding.TextUnmarshaler]())
}

// typeOf is the type of the field of a struct that has a name in JSON, nil if there is none.
func typeOf(t reflect.Type, name string) reflect.Type {
	if t == nil {
		return nil
	}
	field, _ := patch.Field(t, name)
	return field.Type
}
