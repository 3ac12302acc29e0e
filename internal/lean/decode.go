// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

// Package lean decodes the parts of a JSON object that somebody reads. Most of what an API server sends to a webhook is
// never read: managed fields, status, environment variables. [DecodePart] passes over the bytes once, keeps what a
// [Shape] asks for, and gives only that to a decoder.
//
// What is decoded is what Kubernetes' own decoder makes of the same bytes. Where this package is not sure to see the
// same (names that occur twice, text that is not UTF-8, more than 64 levels, any error), that decoder is asked instead,
// with the whole object. What is passed over must be JSON, but may be of any type.
package lean

import (
	"bytes"
	"fmt"
	"reflect"
	"unicode/utf8"

	json "github.com/go-json-experiment/json"
	kjson "k8s.io/apimachinery/pkg/util/json"
)

const (
	// fewItems are so few fields and items that a guess at what they take may do. Going over them with their type takes
	// nearly as long as decoding them.
	fewItems = 500
	// perItem and perByte are that guess. A list of three bytes for each item, as in [{},{},{}], takes half a kilobyte for
	// each if they are containers, and several times that while the list grows.
	perItem, perByte = 2 << 10, 8
	// perLevel is what a map or a list takes that is read by itself, and each of its parts, while it grows. To read a part
	// as a whole takes a buffer for its text, and the texts in it.
	perLevel, partText, invalidPart = 448, 5, 15
	// mostMemory is what decoding something may take where the size is unknown, and little is so short that nothing
	// asks there.
	mostMemory, little = 128 << 20, 64 << 10
)

// Bound returns an error if decoding JSON into obj, a pointer, takes more memory than there is. What is no JSON is an
// error as well, as one of the two decoders finds that only when it has decoded the rest. So is what has more than a
// thousand levels that are to be decoded. Where no one says what there is, all that is little is fine.
func (o Object) Bound(obj any, text []byte) error {
	if o.Memory == nil && len(text) <= little {
		return nil
	}
	types := new(Types)
	if o.Memory != nil {
		types = o.Memory.Types()
	}
	cost, err := costOf(text, types.layoutOf(reflect.TypeOf(obj).Elem()))
	if err != nil {
		return err
	}
	return o.afford(cost)
}

// BoundLevels is as Bound, for JSON that is read a level at a time: into a map or a list, with the text of its parts.
// Each part may in the end be read as a whole.
func (o Object) BoundLevels(text []byte) error {
	if o.Memory == nil && len(text) <= little {
		return nil
	}
	times := int64(partText)
	if !utf8.Valid(text) {
		times = invalidPart
	}
	n := 1 // or more, as some may be in strings
	for _, c := range []byte{',', '{', '['} {
		n += bytes.Count(text, []byte{c})
	}
	if n > fewItems {
		n = 1 + count(text, true)
	}
	return o.afford(perLevel*int64(n) + times*int64(len(text)))
}

// afford sets memory aside. Without a Memory, there is mostMemory.
func (o Object) afford(cost int64) error {
	switch {
	case o.Memory != nil:
		return o.Memory.Afford(cost)
	case cost > mostMemory:
		return fmt.Errorf("decoding it takes up to %d MiB of memory, of which there are %d", cost>>20, mostMemory>>20)
	}
	return nil
}

// boundPart is as Bound, and may guess; see Decoder.
func (o Object) boundPart(obj any, text []byte) error {
	if o.Memory == nil || reflect.TypeOf(obj).Elem().Kind() != reflect.Struct {
		return o.Bound(obj, text)
	}
	if n := items(text); n <= fewItems && o.Memory.Guess(int64(n)*perItem+int64(len(text))*perByte) {
		return nil
	}
	return o.Bound(obj, text)
}

// items is the number of members and items in JSON, less those that are the first of theirs.
func items(text []byte) int {
	if n := bytes.Count(text, []byte{','}); n <= fewItems {
		return n // or fewer, as some may be in strings
	}
	return count(text, false)
}

// count is how many commas there are in JSON, and opening brackets if these are wanted.
func count(text []byte, brackets bool) int {
	n := 0
	for i := 0; i < len(text); i++ {
		switch text[i] {
		case ',':
			n++
		case '{', '[':
			if brackets {
				n++
			}
		case '"':
			if i = skipString(text, i) - 1; i < 0 {
				return n
			}
		}
	}
	return n
}

// usualPart and usualSlim are how much is read of a review or an object of usual size; usualCuts is how many members
// are cut out of a review: the object, the old one, and the options.
const usualPart, usualSlim, usualCuts = 1 << 10, 4 << 10, 3

// Object is an object in JSON.
type Object struct {
	Raw  []byte
	slim []byte // what Slim reads of it, if that is known

	// Memory is where the memory for what is decoded comes from; nil sets a limit for each that is not little.
	Memory Memory
}

// Memory is what decoding may take.
type Memory interface {
	// Afford sets aside so many bytes, or returns an error if there are not so many left.
	Afford(bytes int64) error
	// Guess is as Afford, for a guess that may be ten times too high. It is false, and sets nothing aside, if others could
	// miss that much.
	Guess(bytes int64) bool
	// Types returns what is known of types already; to this is added.
	Types() *Types
}

// Whole is the same object for a shape that reads what [Slim] does not.
func (o Object) Whole() Object { return Object{Raw: o.Raw, Memory: o.Memory} }

// Decoder is a type of which one is made of parts of an object. A struct holds neither itself nor any type, as
// map[string]any does: what it takes is guessed.
type Decoder interface {
	// DecodeLean fills in the receiver, which is zero. It neither keeps nor changes what it is given.
	DecodeLean(o Object) error
}

// DecodeSlim decodes what [Slim] reads of an object into obj, a pointer to something that is zero. Its type must have
// the same fields for these parts as the type that the whole object is of. Nothing in obj refers to the object. The
// error is that of Kubernetes' own decoder, or says that there is too much to decode.
func DecodeSlim(obj any, o Object) error {
	if o.slim == nil {
		return DecodePart(obj, o, Slim)
	}
	return decode(obj, o.slim, o)
}

// DecodePart is as [DecodeSlim], for less than that, or for anything of a whole object; for all of it with no shape.
func DecodePart(obj any, o Object, shape Shape) error {
	from := o.Raw
	if o.slim != nil {
		from = o.slim
	}
	if p, ok := project(from, shape); ok {
		return decode(obj, p.out, o)
	}
	return DecodeAll(obj, o)
}

func decode(obj any, part []byte, o Object) error {
	if !utf8.Valid(part) { // The fast decoder would refuse it, when the memory for that is set aside.
		return DecodeAll(obj, o)
	}
	if err := o.boundPart(obj, part); err != nil {
		return err
	}
	if json.Unmarshal(part, obj) == nil {
		return nil
	}
	return DecodeAll(obj, o)
}

// DecodeAll decodes a whole object into obj, a pointer, by Kubernetes' own decoder, whose idea of JSON is the API
// server's: names of fields are case-sensitive. What is in obj is replaced.
func DecodeAll(obj any, o Object) error {
	if err := o.Bound(obj, o.Raw); err != nil {
		return err
	}
	reflect.ValueOf(obj).Elem().SetZero()
	return kjson.Unmarshal(o.Raw, obj)
}

// DecodeAround decodes what a shape reads into obj, a pointer to something that is zero, and returns the members that
// it cuts out, which are parts of the object. It is false when there is no telling what to cut because something occurs
// twice, when there is too much to decode, or when something is wrong. The whole is then to be decoded in another way,
// if there is memory for that, and obj is of no use.
func DecodeAround(obj any, o Object, shape Shape) ([]Piece, bool) {
	p, ok := project(o.Raw, shape)
	if !ok || !utf8.Valid(p.out) || o.boundPart(obj, p.out) != nil || json.Unmarshal(p.out, obj) != nil {
		return nil, false
	}
	return p.cuts, true
}
