// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package lean

import (
	"bytes"

	json "github.com/go-json-experiment/json"
	kjson "k8s.io/apimachinery/pkg/util/json"
)

// usual is how much is read of an object of usual size.
const usual = 4 << 10

// DecodeInto decodes the parts of raw that the shape asks for into obj, which is zero. T must have the same fields for
// these parts as the type that the whole object is of. Nothing in obj refers to raw. The error is that of Kubernetes'
// own decoder.
func DecodeInto[T any](obj *T, raw []byte, shape Shape) error {
	if _, ok := DecodeAround(obj, raw, shape); ok {
		return nil
	}
	*obj = *new(T)
	return kjson.Unmarshal(raw, obj)
}

// DecodeAround is as [DecodeInto], and returns the members that the shape cuts out, which refer to raw. It is false
// when there is no telling what to cut because something occurs twice, or when something is wrong. The whole is then to
// be decoded in another way, and obj is of no use.
func DecodeAround[T any](obj *T, raw []byte, shape Shape) ([]Piece, bool) {
	p := projection{data: raw, out: make([]byte, 0, min(len(raw), usual))}
	if end := p.value(shape, 0); end == bad || space(raw, end) != len(raw) {
		return nil, false
	}
	if json.Unmarshal(p.out, obj) != nil || p.ambiguous() {
		return nil, false
	}
	return p.cuts, true
}

// ambiguous says whether a member was cut out twice.
func (p *projection) ambiguous() bool {
	for i, piece := range p.cuts {
		for _, other := range p.cuts[:i] {
			if bytes.Equal(piece.Name, other.Name) {
				return true
			}
		}
	}
	return false
}
