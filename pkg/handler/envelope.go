// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package handler

import (
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/json"

	"github.com/hookstrap/hookstrap/internal/lean"
)

// parse reads a review. Its objects, which are nearly all of it, are not decoded and not copied, but parts of body.
// What checks may look at of them is picked out in passing. The rest is usually little, but it is as long as its sender
// likes: it comes out of the memory for decoding, as objects do.
func parse(body []byte, memory lean.Memory) (*review, error) {
	in, whole := &review{}, lean.Object{Raw: body, Memory: memory}
	if pieces, ok := lean.DecodeAround(in, whole, envelope); ok && in.insert(pieces) {
		return in, nil
	}
	in = &review{}
	if err := whole.Bound(in, body); err != nil {
		return nil, err
	}
	if err := json.Unmarshal(body, in); err != nil {
		return nil, err
	}
	return in, nil
}

func envelope(name []byte) (lean.Verdict, lean.Shape) {
	switch string(name) {
	case "kind", "apiVersion":
		return lean.Read, nil
	case "request":
		return lean.Read, envelopeRequest
	case "response":
		return lean.Cut, nil
	}
	return lean.Drop, nil
}

func envelopeRequest(name []byte) (lean.Verdict, lean.Shape) {
	switch string(name) {
	case "object", "oldObject":
		return lean.Cut, lean.Slim
	case "options":
		return lean.Cut, nil
	}
	return lean.Read, nil
}

// insert puts the pieces cut out of a review in their places. It is false for what an API server does not send: a
// response, or a member that is there in another spelling as well.
func (in *review) insert(pieces []lean.Piece) bool {
	for _, piece := range pieces {
		var raw *runtime.RawExtension
		switch string(piece.Name) {
		case "object":
			raw, in.object = &in.Request.Object, piece.Object
		case "oldObject":
			raw, in.oldObject = &in.Request.OldObject, piece.Object
		case "options":
			raw = &in.Request.Options
		default:
			return false
		}
		if raw.Raw != nil {
			return false
		}
		if string(piece.Raw) != "null" {
			raw.Raw = piece.Raw
		}
	}
	return true
}
