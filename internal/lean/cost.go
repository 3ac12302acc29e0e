// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package lean

import (
	"bytes"
	stdjson "encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"unicode/utf8"

	json "github.com/go-json-experiment/json"
)

const (
	// grown is how many times its size a list or a map takes at most while it grows to it.
	grown = 3
	// Kubernetes' decoder makes room for a string a few times over when it has to be changed: for its escape sequences, or
	// because of bytes that are not UTF-8, each of which becomes three.
	escapedText, invalidText = 3, 13
	// maxLevels is how deep something is decoded that is of any type: each level takes half a kilobyte of the stack, too.
	maxLevels = 1000
	// ownText is what a type with a decoder of its own may take for each byte of a text. An object or a list takes perItem
	// on top for each bracket and comma, as there may be anything in it.
	ownText = 32

	mapHeader, sliceHeader = 48, 24
)

// costOf estimates how many bytes of memory decoding some JSON into a value of a type takes at most. The error says why
// it is no JSON, or that it has too many levels.
func costOf(data []byte, t reflect.Type) (int64, error) {
	e := estimate{data: data, most: maxDepth, fields: map[reflect.Type]map[string]reflect.Type{}}
	if e.whole(t) {
		return e.total, nil
	}
	// There are more levels than skip keeps track of, or it is no JSON.
	if !stdjson.Valid(data) {
		return 0, stdjson.Unmarshal(data, new(stdjson.RawMessage))
	}
	e.most = maxLevels
	if !e.whole(t) {
		return 0, fmt.Errorf("it has more than %d levels", maxLevels)
	}
	return e.total, nil
}

// estimate goes over JSON together with the type that it is decoded into.
type estimate struct {
	data   []byte
	total  int64
	most   int // levels; more than maxDepth if it is known to be JSON
	depth  int
	fields map[reflect.Type]map[string]reflect.Type // of structs, by their names in JSON
}

// whole is false if there is no telling.
func (e *estimate) whole(t reflect.Type) bool {
	e.total, e.depth = int64(t.Size()), 0 // #nosec G115 -- sizes of types.
	end := e.value(t, 0)
	return end != bad && space(e.data, end) == len(e.data)
}

func (e *estimate) skip(i int) int {
	if e.most > maxDepth {
		return skipValid(e.data, i)
	}
	return skip(e.data, i)
}

// value adds what the value at or after data[i] takes beside its place in what it is a part of, and returns the
// position after it. A nil type stands for what is passed over.
func (e *estimate) value(t reflect.Type, i int) int {
	if i == bad {
		return bad
	}
	if i = space(e.data, i); i >= len(e.data) {
		return bad
	}
	for t != nil && t.Kind() == reflect.Pointer {
		t = t.Elem()
		e.add(t.Size(), 1)
	}
	switch {
	case t == nil:
		return e.skip(i)
	case decodesItself(reflect.PointerTo(t)):
		return e.opaque(t, i)
	case e.data[i] == '{':
		return e.object(t, i)
	case e.data[i] == '[':
		return e.list(t, i)
	}
	end := skipScalar(e.data, i)
	if end != bad {
		e.add(16, 1)
		e.text(e.data[i:end])
	}
	return end
}

// text adds what a scalar or a name takes.
func (e *estimate) text(text []byte) {
	times := int64(1)
	switch {
	case !utf8.Valid(text):
		times = invalidText
	case bytes.IndexByte(text, '\\') >= 0:
		times = escapedText
	}
	e.total += times * int64(len(text))
}

func (e *estimate) add(size uintptr, times int64) { e.total += int64(size) * times } // #nosec G115 -- sizes of types.

// opaque is for types that decode themselves. Those which keep the JSON as it is cost what it is long.
func (e *estimate) opaque(t reflect.Type, i int) int {
	end := e.skip(i)
	switch {
	case end == bad:
	case keepsJSON(t):
		e.total += int64(end - i)
	default:
		e.total += ownText*int64(end-i) + perItem*int64(count(e.data[i:end], true))
	}
	return end
}

func keepsJSON(t reflect.Type) bool {
	if t.Kind() != reflect.Struct {
		return false
	}
	raw, ok := t.FieldByName("Raw")
	return ok && raw.Type == reflect.TypeFor[[]byte]()
}

func (e *estimate) object(t reflect.Type, i int) int {
	member := e.members(t)
	i, more := enter(e.data, i, &e.depth, e.most)
	for ; more; i, more = advance(e.data, i, '}') {
		begin := space(e.data, i)
		end := skipString(e.data, begin)
		value := skipColon(e.data, end)
		if value == bad {
			return bad
		}
		i = e.value(member(e.data[begin+1:end-1]), value)
	}
	return e.leave(i)
}

// members returns what the members of an object in a t are decoded into, nil for those that are passed over, and counts
// their places if these are not in the t itself.
func (e *estimate) members(t reflect.Type) func(name []byte) reflect.Type {
	switch t.Kind() {
	case reflect.Struct:
		fields := e.fieldsOf(t)
		return func(name []byte) reflect.Type { return fields[unquoted(name)] }
	case reflect.Map, reflect.Interface:
		key, elem := reflect.TypeFor[string](), reflect.TypeFor[any]()
		if t.Kind() == reflect.Map {
			key, elem = t.Key(), t.Elem()
		}
		e.add(key.Size()+elem.Size(), 8) // the least that a map has room for
		e.add(mapHeader, 1)
		return func(name []byte) reflect.Type {
			e.add(key.Size()+elem.Size(), grown)
			e.text(name)
			e.total += int64(len(name)) // Names are copied once more.
			return elem
		}
	default:
		return func([]byte) reflect.Type { return nil }
	}
}

func (e *estimate) list(t reflect.Type, i int) int {
	var elem reflect.Type
	switch t.Kind() {
	case reflect.Slice, reflect.Array:
		elem = t.Elem()
	case reflect.Interface:
		elem = t
		e.add(sliceHeader, 1)
	default: // not what the type has there: it is passed over
	}
	i, more := enter(e.data, i, &e.depth, e.most)
	for ; more; i, more = advance(e.data, i, ']') {
		if elem != nil {
			e.add(elem.Size(), grown)
		}
		i = e.value(elem, i)
	}
	return e.leave(i)
}

// leave goes behind the closing bracket at data[i]. It takes bad for a position.
func (e *estimate) leave(i int) int {
	if i == bad {
		return bad
	}
	e.depth--
	return i + 1
}

// fieldsOf are the types of a struct's fields by their names in JSON.
func (e *estimate) fieldsOf(t reflect.Type) map[string]reflect.Type {
	if known, ok := e.fields[t]; ok {
		return known
	}
	fields := map[string]reflect.Type{}
	e.fields[t] = fields
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
			maps.Copy(fields, e.fieldsOf(embedded))
		case name == "":
			fields[f.Name] = f.Type
		default:
			fields[name] = f.Type
		}
	}
	return fields
}

// unquoted is a name without its escape sequences.
func unquoted(name []byte) string {
	var text string
	if bytes.IndexByte(name, '\\') < 0 || json.Unmarshal(slices.Concat([]byte{'"'}, name, []byte{'"'}), &text) != nil {
		return string(name)
	}
	return text
}

func decodesItself(t reflect.Type) bool { return t.Implements(reflect.TypeFor[stdjson.Unmarshaler]()) }
