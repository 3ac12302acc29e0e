// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package lean

import (
	"bytes"
	stdjson "encoding/json"
	"fmt"
	"reflect"

	json "github.com/go-json-experiment/json"
	kjson "k8s.io/apimachinery/pkg/util/json"
)

const (
	// fewItems are so few fields and items that a rough guess at what they take is good enough, as long as a review has
	// room for it by itself. Going over them with their type would take nearly as long as decoding them.
	fewItems = 500
	// perItem and perByte are that guess. A list of three bytes for each item, as in [{},{},{}], takes half a kilobyte for
	// each if they are containers, and several times that while the list grows. Of maps in maps, five bytes are one.
	perItem, perByte, perByteOfAny = 2 << 10, 8, 128
	// mostMemory is what decoding something may take where nobody says what there is.
	mostMemory = 128 << 20
)

// Bound returns an error if decoding JSON into obj, a pointer, takes more memory than there is. What is no JSON is an
// error as well, unless it is little: one decoder of the two finds that only when it has decoded the rest.
func (o Object) Bound(obj any, text []byte) error {
	n, t := items(text), reflect.TypeOf(obj).Elem()
	if n <= fewItems && (o.Memory == nil || o.Memory.Spare(guess(n, text, t))) {
		return nil
	}
	cost, ok := costOf(text, t)
	if !ok {
		if !stdjson.Valid(text) {
			return stdjson.Unmarshal(text, new(stdjson.RawMessage)) // which says what is wrong
		}
		cost = guess(n, text, t) // it has too many levels
	}
	switch {
	case o.Memory != nil:
		return o.Memory.Afford(cost)
	case cost > mostMemory:
		return fmt.Errorf("decoding it takes up to %d MiB of memory, of which there are %d", cost>>20, mostMemory>>20)
	}
	return nil
}

// guess is about what so many items take, or more.
func guess(n int, text []byte, t reflect.Type) int64 {
	per := int64(perByte)
	if t.Kind() != reflect.Struct {
		per = perByteOfAny
	}
	return int64(n)*perItem + int64(len(text))*per
}

// items is the number of members and items in JSON, less those that are the first of theirs.
func items(text []byte) int {
	if n := bytes.Count(text, []byte{','}); n <= fewItems {
		return n // or fewer, as some may be in strings
	}
	n := 0
	for i := 0; i < len(text); i++ {
		switch text[i] {
		case ',':
			n++
		case '"':
			if i = skipString(text, i) - 1; i < 0 {
				return n
			}
		}
	}
	return n
}

// usualPart and usualSlim are how much is read of a review or an object of usual size.
const usualPart, usualSlim = 1 << 10, 4 << 10

// Object is an object in JSON.
type Object struct {
	Raw  []byte
	slim []byte // what Slim reads of it, if that is known

	// Memory is where the memory for something large comes from; nil sets a limit for each alone.
	Memory Memory
}

// Memory is what decoding may take.
type Memory interface {
	// Afford sets aside so many bytes, or returns an error if there are not so many left.
	Afford(bytes int64) error
	// Spare is as Afford, of what there is for nobody else, and is false if that is not enough.
	Spare(bytes int64) bool
}

// Whole is the same object for a shape that reads what [Slim] does not.
func (o Object) Whole() Object { return Object{Raw: o.Raw, Memory: o.Memory} }

// Decoder is a type of which one is made of parts of an object.
type Decoder interface {
	// DecodeLean fills in the receiver, which is zero. It neither keeps nor changes what it is given.
	DecodeLean(o Object) error
}

// DecodeSlim decodes what [Slim] reads of an object into obj, which is zero. T must have the same fields for these
// parts as the type that the whole object is of. Nothing in obj refers to the object. The error is that of Kubernetes'
// own decoder, or says that there is too much to decode.
func DecodeSlim[T any](obj *T, o Object) error {
	if o.slim == nil {
		return DecodePart(obj, o, Slim)
	}
	return decode(obj, o.slim, o)
}

// DecodePart is as [DecodeSlim], for less than that, or for anything of a whole object.
func DecodePart[T any](obj *T, o Object, shape Shape) error {
	from := o.Raw
	if o.slim != nil {
		from = o.slim
	}
	if p, ok := project(from, shape); ok {
		return decode(obj, p.out, o)
	}
	return decodeAll(obj, o)
}

func decode[T any](obj *T, part []byte, o Object) error {
	if err := o.Bound(obj, part); err != nil {
		return err
	}
	if json.Unmarshal(part, obj) == nil {
		return nil
	}
	return decodeAll(obj, o)
}

func decodeAll[T any](obj *T, o Object) error {
	*obj = *new(T)
	if err := o.Bound(obj, o.Raw); err != nil {
		return err
	}
	return kjson.Unmarshal(o.Raw, obj)
}

// DecodeAround decodes what a shape reads into obj, which is zero, and returns the members that it cuts out, which are
// parts of the object. It is false when there is no telling what to cut because something occurs twice, when there is
// too much to decode, or when something is wrong. The whole is then to be decoded in another way, if there is memory
// for that, and obj is of no use.
func DecodeAround[T any](obj *T, o Object, shape Shape) ([]Piece, bool) {
	p, ok := project(o.Raw, shape)
	if !ok || o.Bound(obj, p.out) != nil || json.Unmarshal(p.out, obj) != nil {
		return nil, false
	}
	return p.cuts, true
}

// Same says whether what a shape reads of two objects is the same, byte for byte. It is false for what is no JSON, and
// for the same thing written in two ways, which an API server does not do.
func Same(a, b []byte, shape Shape) bool {
	left, ok := project(a, shape)
	if !ok {
		return false
	}
	right, ok := project(b, shape)
	return ok && bytes.Equal(left.out, right.out)
}
