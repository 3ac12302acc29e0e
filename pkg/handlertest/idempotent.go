// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

// Package handlertest tests checks, mutations and conversions of package handler, for their authors.
package handlertest

import (
	"bytes"
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	jsonpatch "gopkg.in/evanphx/json-patch.v4"
	admissionv1 "k8s.io/api/admission/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/yaml"

	"github.com/hookstrap/hookstrap/internal/patch"
	"github.com/hookstrap/hookstrap/pkg/handler"
)

// Idempotent tests a mutation with objects, each a manifest in YAML or JSON that the mutation may change or not:
//
//   - The patch makes of the object what the mutation says, by the library that the API server has for it.
//   - The mutation changes nothing in what it has made, as when an API server asks again (reinvocationPolicy IfNeeded),
//     and nothing in an update that leaves this as it is.
//   - It changes the same object in the same way each time.
//   - Fields that the Go type does not know stay, unless the mutation removes something.
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
		object, err := yaml.YAMLToJSON([]byte(manifest))
		if err != nil {
			t.Fatalf("%v, in\n%s", err, manifest)
		}
		s := subject{t: t, h: h, manifest: manifest}
		s.test(object)
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
	changed, changes := s.mutate(object, nil)
	s.patches(object, changed, changes)
	if _, again := s.mutate(changed, nil); len(again) > 0 {
		s.t.Errorf("the mutation changes %s in what it has made itself of\n%s", fields(again), s.manifest)
	}
	if _, again := s.mutate(changed, changed); len(again) > 0 {
		s.t.Errorf("the mutation changes %s in an update that leaves as it is what it has made of\n%s", fields(again),
			s.manifest)
	}
	if twice, _ := s.mutate(object, nil); !bytes.Equal(changed, twice) {
		s.t.Errorf("the mutation makes one time\n%s\nand another time\n%s\nof\n%s", changed, twice, s.manifest)
	}
	s.keepsUnknown(object, changed, changes)
}

// mutate asks the mutation about a create, or an update if there is an old object.
func (s subject) mutate(object, old []byte) ([]byte, []handler.Change) {
	s.t.Helper()
	var head metav1.PartialObjectMetadata
	if err := json.Unmarshal(object, &head); err != nil {
		s.t.Fatalf("%v, in\n%s", err, s.manifest)
	}
	kind := schema.FromAPIVersionAndKind(head.APIVersion, head.Kind)
	resource, _ := meta.UnsafeGuessKindToResource(kind)
	req := admissionv1.AdmissionRequest{
		Kind: metav1.GroupVersionKind(kind), Resource: metav1.GroupVersionResource(resource), Name: head.Name,
		Namespace: head.Namespace, Operation: admissionv1.Create, Object: runtime.RawExtension{Raw: object},
	}
	if old != nil {
		req.Operation, req.OldObject = admissionv1.Update, runtime.RawExtension{Raw: old}
	}
	changed, verdict := s.h.Mutate(s.t.Context(), handler.NewRequest(req))
	for _, f := range verdict.Findings {
		s.t.Errorf("the mutation %s, for\n%s", f.Text(), s.manifest)
	}
	return changed.AdmissionRequest.Object.Raw, verdict.Changes
}

// patches compares the object after the patch with what the mutation has made.
func (s subject) patches(object, changed []byte, changes []handler.Change) {
	s.t.Helper()
	data, err := patch.JSON(changes)
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
	if diff := cmp.Diff(s.parse(changed), s.parse(got)); diff != "" {
		s.t.Errorf("the patch %s makes something else than the mutation (-mutation +patch):\n%s", data, diff)
	}
}

// unknown is a field that no type knows. Its value is right where there is a map of texts, or of quantities.
const unknown = "handlertest-unknown"

// keepsUnknown adds a field to each object within the object, and looks for them in what the mutation makes of that.
func (s subject) keepsUnknown(object, changed []byte, changes []handler.Change) {
	s.t.Helper()
	document := s.parse(object)
	added := mark(document)
	marked, err := json.Marshal(document)
	if err != nil {
		s.t.Fatal(err)
	}
	got, _ := s.mutate(marked, nil)
	left := s.parse(got)
	kept := unmark(left)
	if diff := cmp.Diff(s.parse(changed), left); diff != "" {
		s.t.Errorf("with fields that are not known, the mutation makes something else (-without +with):\n%s\nof\n%s", diff,
			s.manifest)
	}
	removes := func(c handler.Change) bool { return c.Op != patch.Add }
	if kept < added && !slices.ContainsFunc(changes, removes) {
		s.t.Errorf("of %d fields that are not known the mutation keeps %d, and removes nothing else, of\n%s", added, kept,
			s.manifest)
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

// mark adds a field to each object in a document, and returns how many.
func mark(document any) int {
	n := 0
	switch part := document.(type) {
	case map[string]any:
		for value := range maps.Values(part) {
			n += mark(value)
		}
		part[unknown] = "1"
		n++
	case []any:
		for _, item := range part {
			n += mark(item)
		}
	}
	return n
}

// unmark removes what mark has added, and returns how much of it there was.
func unmark(document any) int {
	n := 0
	switch part := document.(type) {
	case map[string]any:
		if _, ok := part[unknown]; ok {
			delete(part, unknown)
			n++
		}
		for value := range maps.Values(part) {
			n += unmark(value)
		}
	case []any:
		for _, item := range part {
			n += unmark(item)
		}
	}
	return n
}

func fields(changes []handler.Change) string {
	var names []string
	for _, c := range changes {
		names = append(names, c.Field)
	}
	return strings.Join(names, ", ")
}
