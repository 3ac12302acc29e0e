// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package lean

import (
	"bytes"
	stdjson "encoding/json"
	"fmt"
	"reflect"
	"slices"
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
func costOf(data []byte, t *layout) (int64, error) {
	e := estimate{data: data, most: maxDepth}
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
	data  []byte
	total int64
	most  int // levels; more than maxDepth if it is known to be JSON
	depth int
}

// whole is false if there is no telling.
func (e *estimate) whole(t *layout) bool {
	e.total, e.depth = int64(t.size), 0 // #nosec G115 -- sizes of types.
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
func (e *estimate) value(t *layout, i int) int {
	if i == bad {
		return bad
	}
	if i = space(e.data, i); i >= len(e.data) {
		return bad
	}
	for t != nil && t.kind == reflect.Pointer {
		t = t.elem
		e.add(t.size, 1)
	}
	switch {
	case t == nil:
		return e.skip(i)
	case t.own:
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
func (e *estimate) opaque(t *layout, i int) int {
	end := e.skip(i)
	switch {
	case end == bad:
	case t.keeps:
		e.total += int64(end - i)
	default:
		e.total += ownText*int64(end-i) + perItem*int64(count(e.data[i:end], true))
	}
	return end
}

func (e *estimate) object(t *layout, i int) int {
	if t.key != nil {
		e.add(t.key.size+t.elem.size, 8) // the least that a map has room for
		e.add(mapHeader, 1)
	}
	i, more := enter(e.data, i, &e.depth, e.most)
	for ; more; i, more = advance(e.data, i, '}') {
		begin := space(e.data, i)
		end := skipString(e.data, begin)
		value := skipColon(e.data, end)
		if value == bad {
			return bad
		}
		i = e.value(e.member(t, e.data[begin+1:end-1]), value)
	}
	return e.leave(i)
}

// member returns what the member of an object is decoded into, nil for one that is passed over, and counts its place if
// that is not in the object itself.
func (e *estimate) member(t *layout, name []byte) *layout {
	switch {
	case t.key != nil:
		e.add(t.key.size+t.elem.size, grown)
		e.text(name)
		e.total += int64(len(name)) // Names are copied once more.
		return t.elem
	case bytes.IndexByte(name, '\\') >= 0:
		return t.field[unquoted(name)]
	default:
		return t.field[string(name)]
	}
}

func (e *estimate) list(t *layout, i int) int {
	var elem *layout
	switch t.kind {
	case reflect.Slice, reflect.Array:
		elem = t.elem
	case reflect.Interface:
		elem = t
		e.add(sliceHeader, 1)
	default: // not what the type has there: it is passed over
	}
	i, more := enter(e.data, i, &e.depth, e.most)
	for ; more; i, more = advance(e.data, i, ']') {
		if elem != nil {
			e.add(elem.size, grown)
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

// unquoted is a name without its escape sequences.
func unquoted(name []byte) string {
	var text string
	if json.Unmarshal(slices.Concat([]byte{'"'}, name, []byte{'"'}), &text) != nil {
		return string(name)
	}
	return text
}
