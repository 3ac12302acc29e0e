// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package lean

import (
	stdjson "encoding/json"
	"maps"
	"reflect"
	"strings"
	"sync"
)

// Types are what is known of types of Go that JSON is decoded into. To find that out takes as long as to decode a small
// object, so that it is kept. The zero value is ready for use, by any number of goroutines.
type Types struct {
	mu    sync.Mutex
	known map[reflect.Type]*layout
}

// layout is what there is to know of a type before JSON is decoded into it.
type layout struct {
	kind  reflect.Kind
	size  uintptr
	own   bool               // it has a decoder of its own
	keeps bool               // it keeps the JSON as it is
	key   *layout            // of a map; an object of any type is a map, too
	elem  *layout            // of a pointer, a list, a map or any type
	field map[string]*layout // of a struct, by their names in JSON
}

func (ts *Types) layoutOf(t reflect.Type) *layout {
	ts.mu.Lock()
	defer ts.mu.Unlock()
	if ts.known == nil {
		ts.known = map[reflect.Type]*layout{}
	}
	return ts.add(t)
}

// add is for types which are parts of themselves, too: each is known before its parts are.
func (ts *Types) add(t reflect.Type) *layout {
	if known, ok := ts.known[t]; ok {
		return known
	}
	l := &layout{kind: t.Kind(), size: t.Size(), own: decodesItself(reflect.PointerTo(t)), keeps: keepsJSON(t)}
	ts.known[t] = l
	switch l.kind {
	case reflect.Pointer, reflect.Slice, reflect.Array:
		l.elem = ts.add(t.Elem())
	case reflect.Map:
		l.key, l.elem = ts.add(t.Key()), ts.add(t.Elem())
	case reflect.Interface:
		l.key, l.elem = ts.add(reflect.TypeFor[string]()), l
	case reflect.Struct:
		l.field = map[string]*layout{}
		ts.addFields(t, l.field)
	default: // It has no parts.
	}
	return l
}

func (ts *Types) addFields(t reflect.Type, to map[string]*layout) {
	for i := range t.NumField() {
		f := t.Field(i)
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		embedded := f.Type
		if embedded.Kind() == reflect.Pointer {
			embedded = embedded.Elem()
		}
		switch {
		case name == "-", !f.IsExported() && !f.Anonymous:
		case name == "" && f.Anonymous && embedded.Kind() == reflect.Struct:
			maps.Copy(to, ts.add(embedded).field)
		case name == "":
			to[f.Name] = ts.add(f.Type)
		default:
			to[name] = ts.add(f.Type)
		}
	}
}

func keepsJSON(t reflect.Type) bool {
	if t.Kind() != reflect.Struct {
		return t == reflect.TypeFor[stdjson.RawMessage]()
	}
	raw, ok := t.FieldByName("Raw")
	return ok && raw.Type == reflect.TypeFor[[]byte]()
}

func decodesItself(t reflect.Type) bool { return t.Implements(reflect.TypeFor[stdjson.Unmarshaler]()) }
