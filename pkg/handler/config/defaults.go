// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package config

import (
	"encoding/json"
	"reflect"
	"slices"
	"strings"
)

// overDefaults makes a value with defaults, and what is about to be decoded into it, fit for each other, in structs
// within structs as well. A field that is null is taken out, for a decoder would set a list, a map or a pointer to nil:
// a check that was left without what it denies would admit everything. A list or map that is given replaces the
// default, and is not mixed with it. What stands in lists and maps has no defaults, and stays as it is.
func overDefaults(value reflect.Value, data json.RawMessage) json.RawMessage {
	var fields map[string]json.RawMessage
	if value.Kind() != reflect.Struct || json.Unmarshal(data, &fields) != nil {
		return data // the decoder says what is wrong
	}
	for name, given := range fields {
		field, ok := fieldNamed(value, name)
		switch {
		case !ok:
		case string(given) == "null":
			delete(fields, name)
		case field.Kind() == reflect.Slice || field.Kind() == reflect.Map:
			field.SetZero()
		default:
			fields[name] = within(field, given)
		}
	}
	kept, err := json.Marshal(fields)
	if err != nil {
		return data
	}
	return kept
}

// within is overDefaults for what may be a struct, or point to one, unless its type alone knows what its JSON means.
func within(value reflect.Value, data json.RawMessage) json.RawMessage {
	for value.Kind() == reflect.Pointer && !value.IsNil() {
		value = value.Elem()
	}
	if !value.CanAddr() {
		return data
	}
	if _, ok := reflect.TypeAssert[json.Unmarshaler](value.Addr()); ok {
		return data
	}
	return overDefaults(value, data)
}

// fieldNamed returns the field of a struct that has a name in JSON.
func fieldNamed(value reflect.Value, name string) (reflect.Value, bool) {
	fields := reflect.VisibleFields(value.Type())
	i := slices.IndexFunc(fields, func(f reflect.StructField) bool {
		tag, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		return f.IsExported() && tag == name
	})
	if i < 0 {
		return reflect.Value{}, false
	}
	field, err := value.FieldByIndexErr(fields[i].Index)
	return field, err == nil
}
