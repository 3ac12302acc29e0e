// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package patch

import (
	"encoding/json"
	"reflect"
	"strings"
)

// Differing returns two values like those given, pointers to structs of one type of the Kubernetes API, with nothing in
// them but the fields that differ; or nil, nil if none does. In JSON they are short, and [Merge] makes the same of them
// as of the whole. The values are not changed, and what is returned shares parts with them.
func Differing(before, after any) (was, is any) {
	if reflect.DeepEqual(before, after) {
		return nil, nil
	}
	b, a := differing(reflect.ValueOf(before).Elem(), reflect.ValueOf(after).Elem())
	return b.Addr().Interface(), a.Addr().Interface()
}

func differing(before, after reflect.Value) (was, is reflect.Value) {
	t := before.Type()
	was, is = reflect.New(t).Elem(), reflect.New(t).Elem()
	for i := range t.NumField() {
		b, a := before.Field(i), after.Field(i)
		if reflect.DeepEqual(b.Addr().Interface(), a.Addr().Interface()) {
			continue
		}
		if hasFields(t.Field(i)) {
			b, a = differing(b, a)
		}
		was.Field(i).Set(b)
		is.Field(i).Set(a)
	}
	return was, is
}

// hasFields says whether a field is a struct that is an object in JSON, of its own fields, and is never left out: what
// is left of the struct must not be left out where the whole is not.
func hasFields(f reflect.StructField) bool {
	_, options, _ := strings.Cut(f.Tag.Get("json"), ",")
	return f.Type.Kind() == reflect.Struct && !strings.Contains(options, "omitzero") &&
		!reflect.PointerTo(f.Type).Implements(reflect.TypeFor[json.Marshaler]())
}
