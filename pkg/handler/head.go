// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package handler

import (
	admissionv1 "k8s.io/api/admission/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/hookstrap/hookstrap/internal/lean"
)

// usualHead is what nearly all heads are smaller than: all of a review that comes before its objects.
const usualHead = 8 << 10

// headOf reads of a review, of which data is the beginning, what it takes to answer it and to tell whose it is, as far
// as that has come. Nothing is decoded but short texts.
func headOf(data []byte) *review {
	in := &review{Request: &admissionv1.AdmissionRequest{}}
	lean.Members(data, func(name string, value []byte) bool {
		switch name {
		case "kind":
			in.Kind = short(value)
		case "apiVersion":
			in.APIVersion = short(value)
		case "request":
			lean.Members(value, in.readHead)
		}
		return true
	})
	in.request = NewRequest(*in.Request)
	return in
}

// readHead reads one member of the request.
func (in *review) readHead(name string, value []byte) bool {
	r := in.Request
	switch name {
	case "uid":
		r.UID = types.UID(short(value))
	case "name":
		r.Name = short(value)
	case "namespace":
		r.Namespace = short(value)
	case "operation":
		r.Operation = admissionv1.Operation(short(value))
	case "subResource":
		r.SubResource = short(value)
	case "kind":
		lean.Members(value, texts(map[string]*string{
			"group": &r.Kind.Group, "version": &r.Kind.Version, "kind": &r.Kind.Kind,
		}))
	case "resource":
		lean.Members(value, texts(map[string]*string{
			"group": &r.Resource.Group, "version": &r.Resource.Version, "resource": &r.Resource.Resource,
		}))
	case "userInfo":
		lean.Members(value, texts(map[string]*string{"username": &r.UserInfo.Username}))
	}
	return name != "object" && name != "oldObject"
}

// texts reads members that are texts.
func texts(into map[string]*string) func(name string, value []byte) bool {
	return func(name string, value []byte) bool {
		if text := into[name]; text != nil {
			*text = short(value)
		}
		return true
	}
}

// short returns the text at the beginning of a value, and "" for what is longer than names are.
func short(value []byte) string { return lean.Text(value[:min(len(value), maxNames)]) }
