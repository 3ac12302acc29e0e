// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

// Package handlertest tests checks, mutations and conversions of package handler, for their authors.
package handlertest

import (
	"bytes"
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	jsonpatch "gopkg.in/evanphx/json-patch.v4"

	"github.com/hookstrap/hookstrap/internal/patch"
	"github.com/hookstrap/hookstrap/pkg/handler"
)

// Idempotent tests a mutation with objects, each a manifest in YAML or JSON that the mutation may change or not:
//
//   - The patch makes of the object what the mutation says, by the library that the API server has for it.
//   - The mutation changes nothing in what it has made, as when an API server asks again (reinvocationPolicy IfNeeded),
//     and nothing in an update that leaves this as it is.
//   - It changes the same object in the same way each time.
//   - Fields that the Go type does not know stay in their object, unless the mutation removes one there. Each object of
//     which the type has a struct gets such a field, and with a mutation that is not made with [handler.Edit], each.
//
// What is wrong is an error of t, with the object.
func Idempotent(t testing.TB, mutation handler.Mutation, manifests ...string) {
	t.Helper()
	h, err := handler.New(handler.Options{Entries: []handler.Entry{{Mutation: mutation}}})
	if err != nil {
		t.Fatal(err)
	}
	if len(manifests) == 0 {
		t.Errorf("no object is given to test the mutation %s with", mutation.Name())
	}
	for _, manifest := range manifests {
		req, err := requestOf(manifest)
		if err != nil {
			t.Fatalf("%v, in\n%s", err, manifest)
		}
		s := subject{t: t, h: h, manifest: manifest}
		s.test(req.Object.Raw)
	}
}

// subject is an object that a mutation is tested with.
type subject struct {
	t        testing.TB
	h        *handler.Handler
	manifest string
}

func (s subject) test(object []byte) {
	s.t.Helper()
	first := s.mutate(object, nil)
	if first.failed {
		return
	}
	s.patches(object, first)
	if again := s.mutate(first.object, nil); len(again.changes) > 0 {
		s.t.Errorf("the mutation changes %s in what it has made itself of\n%s", fields(again.changes), s.manifest)
	}
	if again := s.mutate(first.object, first.object); len(again.changes) > 0 {
		s.t.Errorf("the mutation changes %s in an update that leaves as it is what it has made of\n%s",
			fields(again.changes), s.manifest)
	}
	if twice := s.mutate(object, nil); !bytes.Equal(first.object, twice.object) {
		s.t.Errorf("the mutation makes one time\n%s\nand another time\n%s\nof\n%s", first.object, twice.object, s.manifest)
	}
	s.keepsUnknown(object, first)
}

// mutated is an object as the mutation has made it.
type mutated struct {
	object  []byte
	changes []handler.Change
	as      reflect.Type // which it was decoded into, nil if that is not known
	failed  bool
}

// mutate asks the mutation about a create, or an update if there is an old object.
func (s subject) mutate(object, old []byte) mutated {
	s.t.Helper()
	req, err := requestFor(object, old)
	if err != nil {
		s.t.Fatalf("%v, in\n%s", err, s.manifest)
	}
	asked := handler.NewRequest(req)
	changed, verdict := s.h.Mutate(s.t.Context(), asked)
	for _, f := range verdict.Findings {
		s.t.Errorf("the mutation %s, for\n%s", f.Text(), s.manifest)
	}
	return mutated{changed.AdmissionRequest.Object.Raw, verdict.Changes, asked.EditedAs(), len(verdict.Findings) > 0}
}

// patches compares the object after the patch with what the mutation has made.
func (s subject) patches(object []byte, made mutated) {
	s.t.Helper()
	data, err := patch.JSON(made.changes)
	if err != nil {
		s.t.Fatal(err)
	}
	decoded, err := jsonpatch.DecodePatch(data)
	if err != nil {
		s.t.Fatal(err)
	}
	got, err := decoded.Apply(object)
	if err != nil {
		s.t.Fatalf("the patch %s cannot be applied: %v, to\n%s", data, err, s.manifest)
	}
	if diff := cmp.Diff(s.parse(made.object), s.parse(got)); diff != "" {
		s.t.Errorf("the patch %s makes something else than the mutation (-mutation +patch):\n%s", data, diff)
	}
}

func (s subject) parse(data []byte) any {
	s.t.Helper()
	document, err := patch.Parse(data)
	if err != nil {
		s.t.Fatal(err)
	}
	return document
}

func fields(changes []handler.Change) string {
	var names []string
	for _, c := range changes {
		names = append(names, c.Field)
	}
	return strings.Join(names, ", ")
}
