// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package handler

import (
	"errors"
	"mime"
	"net/http"

	"k8s.io/apimachinery/pkg/runtime"

	"github.com/hookstrap/hookstrap/internal/lean"
)

// decodeReview reads a review which can be answered: it has a known version, a request, and a UID. The shape is that of
// parse.
func decodeReview(body []byte, held *reservation, shape lean.Shape) (*review, *refusal) {
	in, err := parse(body, &held.decoded, shape)
	if short := (*memoryError)(nil); errors.As(err, &short) {
		return nil, held.gate.refuseDecoding(short)
	}
	if err != nil {
		return nil, refuse(http.StatusBadRequest, "the body is not an AdmissionReview: %v", err)
	}
	return in, in.complete()
}

// complete checks the envelope, and takes the request out of it.
func (in *review) complete() *refusal {
	switch {
	case !in.isKnown():
		return refuse(http.StatusBadRequest, "apiVersion %.100q, kind %.100q: send an AdmissionReview of "+
			"admission.k8s.io/v1 or admission.k8s.io/v1beta1", in.APIVersion, in.Kind)
	case in.Request == nil:
		return refuse(http.StatusBadRequest, "the AdmissionReview has no request")
	case in.Request.UID == "":
		return refuse(http.StatusBadRequest, "the AdmissionReview's request has no uid")
	case in.lengthOfNames() > maxNames:
		return refuse(http.StatusBadRequest, "the AdmissionReview's uid, names and kinds are longer than %d bytes", maxNames)
	}
	in.request = NewRequest(*in.Request)
	in.request.object.lean, in.request.oldObject.lean = in.object, in.oldObject
	return nil
}

// parse reads a review. Its objects, which are nearly all of it, are not decoded and not copied, but parts of body.
// What checks may look at of them is picked out in passing, if the shape is envelope. The rest is usually little, but
// it is as long as its sender likes: it comes out of the memory for decoding, as objects do.
func parse(body []byte, memory lean.Memory, shape lean.Shape) (*review, error) {
	in, whole := &review{}, lean.Object{Raw: body, Memory: memory}
	if pieces, ok := lean.DecodeAround(in, whole, shape); ok && in.insert(pieces) {
		return in, nil
	}
	in = &review{}
	return in, lean.DecodeAll(in, whole)
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

// bareEnvelope is for mutations, which read objects as a whole.
func bareEnvelope(name []byte) (lean.Verdict, lean.Shape) {
	verdict, of := envelope(name)
	if of != nil {
		of = bareRequest
	}
	return verdict, of
}

func bareRequest(name []byte) (lean.Verdict, lean.Shape) {
	verdict, _ := envelopeRequest(name)
	return verdict, nil
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

func isJSON(contentType string) bool {
	if contentType == "application/json" {
		return true // what the API server sends, which needs no parsing
	}
	mediaType, _, err := mime.ParseMediaType(contentType)
	return err == nil && mediaType == "application/json"
}
