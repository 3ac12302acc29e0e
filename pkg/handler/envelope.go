// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package handler

import (
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/json"

	"github.com/hookstrap/hookstrap/pkg/handler/internal/lean"
)

// parse reads a review. Its objects, which are nearly all of it, are not decoded and not copied, but parts of body.
func parse(body []byte) (*review, error) {
	in := &review{}
	if pieces, ok := lean.DecodeAround(in, body, envelope); ok && in.insert(pieces) {
		return in, nil
	}
	in = &review{}
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
	case "object", "oldObject", "options":
		return lean.Cut, nil
	}
	return lean.Read, nil
}

// insert puts the pieces cut out of a review in their places. It is false for what an API server does not send: a
// response, or a member that is there in another spelling as well.
func (in *review) insert(pieces []lean.Piece) bool {
	for _, piece := range pieces {
		place := in.place(string(piece.Name))
		if place == nil || place.Raw != nil {
			return false
		}
		if string(piece.Value) != "null" {
			place.Raw = piece.Value
		}
	}
	return true
}

func (in *review) place(name string) *runtime.RawExtension {
	switch name {
	case "object":
		return &in.Request.Object
	case "oldObject":
		return &in.Request.OldObject
	case "options":
		return &in.Request.Options
	}
	return nil
}
