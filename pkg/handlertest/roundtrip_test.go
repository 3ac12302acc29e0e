// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package handlertest_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/hookstrap/hookstrap/pkg/handler"
	"github.com/hookstrap/hookstrap/pkg/handlertest"
)

func (r *recorder) Error(args ...any) { r.Errorf("%v", args...) }

type newBox struct {
	metav1.ObjectMeta `json:"metadata"`

	Width int    `json:"width"`
	Color string `json:"color,omitempty"`
}

type oldBox struct {
	metav1.ObjectMeta `json:"metadata"`

	Wide  int    `json:"wide"`
	Color string `json:"color,omitempty"`
}

func TestRoundTrip(t *testing.T) {
	toNew := func(_ context.Context, from *oldBox, to *newBox) error {
		if from.Wide%2 != 0 {
			return errors.New("odd")
		}
		to.Width, to.Color = from.Wide, from.Color
		return nil
	}
	toOld := func(_ context.Context, from *newBox, to *oldBox) error {
		to.Wide, to.Color = from.Width, from.Color
		return nil
	}
	forgets := func(_ context.Context, from *newBox, to *oldBox) error {
		to.Wide = from.Width
		return nil
	}
	relabels := func(ctx context.Context, from *newBox, to *oldBox) error {
		to.Labels = nil
		return toOld(ctx, from, to)
	}
	even := []handlertest.Fixup{
		handlertest.Fix(func(b *oldBox, r *rand.Rand) { b.Wide = 2 * int(r.Int32()) }),
		handlertest.Fix(func(b *newBox, r *rand.Rand) { b.Width = 2 * int(r.Int32()) }),
	}
	for name, tt := range map[string]struct {
		toOld  func(context.Context, *newBox, *oldBox) error
		fixups []handlertest.Fixup
		want   []string // in what is said, all of them; nothing if empty
	}{
		"a good one": {toOld, even, nil},
		"one that forgets": {forgets, even, []string{
			"Box.example.com of version v2, converted to v1 and back, is not what it was", "color",
			"Box.example.com of version v1, converted to v2 and back, is not what it was"}},
		"one that loses labels":        {relabels, even, []string{"labels"}},
		"one that refuses some values": {toOld, nil, []string{"from example.com/v1 to example.com/v2: odd; if no user can make"}},
	} {
		t.Run(name, func(t *testing.T) {
			r := &recorder{TB: t}
			kind := schema.GroupVersionKind{Group: "example.com", Version: "v2", Kind: "Box"}
			handlertest.RoundTrip(r, handler.ConvertFor(kind, handler.SpokeFor("v1", toNew, tt.toOld)), tt.fixups...)
			said := strings.Join(r.said, "\n")
			for _, want := range tt.want {
				if !strings.Contains(said, want) {
					t.Errorf("got %q, want %q", said, want)
				}
			}
			if tt.want == nil && said != "" {
				t.Errorf("got %q", said)
			}
		})
	}
}

type freeBox struct {
	metav1.ObjectMeta `json:"metadata"`

	Any     any                   `json:"any,omitempty"`
	Map     map[string]any        `json:"map,omitempty"`
	Message json.RawMessage       `json:"message,omitempty"`
	Raw     runtime.RawExtension  `json:"raw"`
	Pointer *runtime.RawExtension `json:"pointer,omitempty"`
	Number  json.Number           `json:"number,omitempty"`
	JSON    *rawJSON              `json:"json,omitempty"`
	JSONs   map[string]rawJSON    `json:"jsons,omitempty"`
}

// rawJSON is as JSON in the API of CustomResourceDefinitions.
type rawJSON struct {
	Raw []byte `json:"-"`
}

func (r rawJSON) MarshalJSON() ([]byte, error) {
	if len(r.Raw) == 0 {
		return []byte("null"), nil
	}
	return r.Raw, nil
}

func (r *rawJSON) UnmarshalJSON(text []byte) error {
	if string(text) != "null" {
		r.Raw = slices.Clone(text)
	}
	return nil
}

// expression has parts of its own type, as the conditions of a policy have.
type expression struct {
	All []expression `json:"all,omitempty"`
	Any []expression `json:"any,omitempty"`
	Not *expression  `json:"not,omitempty"`
	Key string       `json:"key,omitempty"`
}

type expressionBox struct {
	metav1.ObjectMeta `json:"metadata"`

	If expression `json:"if"`
}

type unfillable struct {
	metav1.ObjectMeta `json:"metadata"`

	Text fmt.Stringer `json:"text,omitempty"`
}

// same converts between two versions that differ in nothing.
func same[T any](fn func(from, to *T)) *handler.Conversion {
	convert := func(_ context.Context, from, to *T) error {
		fn(from, to)
		return nil
	}
	kind := schema.GroupVersionKind{Group: "example.com", Version: "v2", Kind: "Box"}
	return handler.ConvertFor(kind, handler.SpokeFor("v1", convert, convert))
}

func TestRoundTripOfFreeForms(t *testing.T) {
	good := same(func(from, to *freeBox) { *to = *from })
	for name, tt := range map[string]struct {
		conversion *handler.Conversion
		fixups     []handlertest.Fixup
		want       string // in what is said; nothing if empty
	}{
		"a good one":                   {good, nil, ""},
		"one that loses it":            {same(func(from, to *freeBox) { to.Any, to.Map, to.Raw = from.Any, from.Map, from.Raw }), nil, `- message: {"value":`},
		"a type that cannot be filled": {same(func(from, to *unfillable) { *to = *from }), nil, "making a random *handlertest_test.unfillable: can't fill type fmt.Stringer"},
		"one in many levels":           {same(func(from, to *expressionBox) { *to = *from }), nil, ""},
		"one that forgets in many levels": {same(func(from, to *expressionBox) {
			*to = *from
			to.If.All, to.If.Any, to.If.Not = nil, nil, nil
		}), nil, "- if.all"},
		"one version":                    {handler.ConvertFor[newBox](schema.GroupVersionKind{Group: "a", Version: "v2", Kind: "Box"}), nil, "the conversion of Box.a has only the version v2"},
		"a Fix of a type that is not it": {good, []handlertest.Fixup{handlertest.Fix(func(*newBox, *rand.Rand) {})}, "a Fix is of the type handlertest_test.newBox, which no version of Box.example.com has"},
	} {
		t.Run(name, func(t *testing.T) {
			r := &recorder{TB: t}
			handlertest.RoundTrip(r, tt.conversion, tt.fixups...)
			if said := strings.Join(r.said, "\n"); tt.want == "" && said != "" || !strings.Contains(said, tt.want) {
				t.Errorf("got %q, want %q", said, tt.want)
			}
		})
	}
}
