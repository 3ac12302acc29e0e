// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package handler

import (
	"context"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// boxReader is a check that reads Boxes of some versions.
type boxReader struct {
	name     string
	versions string // with spaces between
}

func (r boxReader) Name() string { return r.name }

func (boxReader) Evaluate(context.Context, *Request) ([]Violation, error) { return nil, nil }

func (r boxReader) LooksAt() []Look {
	var looks []Look
	for version := range strings.FieldsSeq(r.versions) {
		looks = append(looks, Look{Kind: boxHub().GroupKind().WithVersion(version)})
	}
	return looks
}

func TestEntriesHaveAVersionInCommon(t *testing.T) {
	const no = " fails in every request: keep one of them; with matchPolicy Equivalent the API server converts the others"
	reads := func(name, versions string) Entry { return Entry{Check: boxReader{name, versions}} }
	changes := func(name, version string) Entry {
		return Entry{Mutation: MutateForKind(name, boxHub().GroupKind().WithVersion(version),
			func(context.Context, *Request, *struct{}) error { return nil })}
	}
	bags := Entry{Check: CheckForKind("bags", schema.GroupVersionKind{Group: "example.com", Version: "v2", Kind: "Bag"},
		func(context.Context, *Request, *struct{}) []Violation { return nil })}
	all := Entry{Check: CheckFor("all", func(context.Context, *Request, *metav1.PartialObjectMetadata) []Violation { return nil })}
	off := reads("b", "v2")
	off.Mode = Off
	for name, tt := range map[string]struct {
		entries []Entry
		want    string
	}{
		"one version":               {[]Entry{reads("a", "v1"), reads("b", "v1")}, ""},
		"one of two":                {[]Entry{reads("a", "v1 v2"), reads("b", "v2")}, ""},
		"another kind":              {[]Entry{reads("a", "v1"), bags}, ""},
		"every kind":                {[]Entry{reads("a", "v1"), all, {Check: says("b")}}, ""},
		"one that is off":           {[]Entry{reads("a", "v1"), off}, ""},
		"checks beside mutations":   {[]Entry{reads("a", "v1"), changes("b", "v2")}, ""}, // which are asked at another path
		"two versions":              {[]Entry{reads("a", "v1"), reads("b", "v2")}, `check "a" reads Box.example.com in version ["v1"] and check "b" in ["v2"], so that one of them` + no},
		"two versions of mutations": {[]Entry{changes("a", "v1"), changes("b", "v2")}, `mutation "a" reads Box.example.com in version ["v1"] and mutation "b" in ["v2"]`},
		"two of the same of three":  {[]Entry{reads("a", "v1 v2"), reads("b", "v1"), reads("c", "v2")}, `check "b" reads Box.example.com in version ["v1"] and check "c" in ["v2"]`},
	} {
		_, err := New(Options{Entries: tt.entries})
		if tt.want == "" && err != nil || tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)) {
			t.Errorf("%s: got %v, want %s", name, err, tt.want)
		}
	}
}
