// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package view

import "reflect"

// sizeOf is about how many bytes a value takes, with all that it refers to.
func sizeOf(value any) int64 {
	if value == nil {
		return 0
	}
	v := reflect.ValueOf(value)
	return bytesOf(v.Type()) + referred(v)
}

// bytesOf is the size of a type.
func bytesOf(t reflect.Type) int64 {
	return int64(t.Size()) //nolint:gosec // No type is that large.
}

// referred is about how many bytes a value refers to.
func referred(v reflect.Value) int64 {
	switch v.Kind() {
	case reflect.String:
		return int64(v.Len())
	case reflect.Pointer, reflect.Interface:
		if v.IsNil() {
			return 0
		}
		return bytesOf(v.Elem().Type()) + referred(v.Elem())
	case reflect.Slice:
		return int64(v.Cap())*bytesOf(v.Type().Elem()) + referredByItems(v)
	case reflect.Array:
		return referredByItems(v)
	case reflect.Struct:
		n := int64(0)
		for i := range v.NumField() {
			n += referred(v.Field(i))
		}
		return n
	case reflect.Map:
		n := int64(48)
		for entries := v.MapRange(); entries.Next(); {
			// A map is at least half full, and has a byte for each place.
			n += 2*(bytesOf(v.Type().Key())+bytesOf(v.Type().Elem())+1) + referred(entries.Key()) + referred(entries.Value())
		}
		return n
	default:
		return 0
	}
}

func referredByItems(v reflect.Value) int64 {
	switch v.Type().Elem().Kind() {
	case reflect.Bool, reflect.Uint8, reflect.Int32, reflect.Int64, reflect.Int, reflect.Float64:
		return 0
	default:
	}
	n := int64(0)
	for i := range v.Len() {
		n += referred(v.Index(i))
	}
	return n
}
