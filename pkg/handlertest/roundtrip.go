// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package handlertest

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/hookstrap/hookstrap/internal/patch"
	"github.com/hookstrap/hookstrap/pkg/handler"
)

// roundTrips is how many random objects of each version are converted to each other version and back.
const roundTrips = 100

// Fixup makes of a random object of one type one that can be converted. Make one with [Fix].
type Fixup struct {
	of  reflect.Type
	fix func(object any, r *rand.Rand)
}

// Fix is for types of which not every value can be converted, as a text that must look like "3x4". It is called with
// each random object of type T.
func Fix[T any](fix func(object *T, r *rand.Rand)) Fixup {
	return Fixup{of: reflect.TypeFor[*T](), fix: func(object any, r *rand.Rand) { fix(object.(*T), r) }}
}

// RoundTrip tests a conversion with random objects of each version: each is converted to every other version and back,
// and has to be what it was. What gets lost is lost when a user reads an object in one version and updates it. A field
// that may have any JSON, as an any, a json.RawMessage or a struct with no field but Raw, such as
// runtime.RawExtension, has a small value. The objects are the same each time the test runs. What is wrong is an error
// of t, once for two versions; so is a conversion of one version alone, and a Fix for a type that no version has.
func RoundTrip(t testing.TB, conversion *handler.Conversion, fixups ...Fixup) {
	t.Helper()
	if len(conversion.Versions()) == 1 {
		t.Errorf("the conversion of %s has only the version %s, so that nothing is converted: add the others by "+
			"handler.SpokeFor", conversion.Kind(), conversion.Versions()[0])
	}
	for _, f := range fixups {
		isOf := func(version string) bool { return reflect.TypeOf(conversion.New(version)) == f.of }
		if !slices.ContainsFunc(conversion.Versions(), isOf) {
			t.Errorf("a Fix is of the type %s, which no version of %s has: correct its type, or remove it", f.of.Elem(),
				conversion.Kind())
		}
	}
	for _, from := range conversion.Versions() {
		for _, to := range conversion.Versions() {
			if from == to {
				continue
			}
			if err := roundTrip(t, conversion, from, to, fixups); err != nil {
				t.Error(err)
			}
		}
	}
}

func roundTrip(t testing.TB, c *handler.Conversion, from, to string, fixups []Fixup) error {
	t.Helper()
	const seed = 1
	r := rand.New(rand.NewPCG(seed, seed)) // #nosec G404 -- test data.
	filler := newFiller(seed, reflect.TypeOf(c.New(from)))
	group := c.Kind().Group
	version := func(name string) string { return schema.GroupVersion{Group: group, Version: name}.String() }
	for range roundTrips {
		object := c.New(from)
		if err := fill(filler, object); err != nil {
			return err
		}
		for _, f := range fixups {
			if f.of == reflect.TypeOf(object) {
				f.fix(object, r)
			}
		}
		before, err := manifestOf(object, metav1.TypeMeta{APIVersion: version(from), Kind: c.Kind().Kind})
		if err != nil {
			return err
		}
		there, err := c.Convert(t.Context(), before, version(to))
		if err != nil {
			return fmt.Errorf("%w; if no user can make such an object, correct it with a Fix:\n%s", err, before)
		}
		back, err := c.Convert(t.Context(), there, version(from))
		if err != nil {
			return fmt.Errorf("back again: %w:\n%s", err, there)
		}
		diff, err := compare(before, back)
		if err != nil {
			return err
		}
		if diff != "" {
			return fmt.Errorf("%s of version %s, converted to %s and back, is not what it was (-before +after):\n%s",
				c.Kind(), from, to, diff)
		}
	}
	return nil
}

// manifestOf is an object in JSON, with its kind.
func manifestOf(object any, kind metav1.TypeMeta) ([]byte, error) {
	data, err := json.Marshal(object)
	if err != nil {
		return nil, fmt.Errorf("writing a random %T as JSON: %w; set the field with a Fix", object, err)
	}
	document := map[string]json.RawMessage{}
	if err := json.Unmarshal(data, &document); err != nil {
		return nil, err
	}
	for name, value := range map[string]string{"apiVersion": kind.APIVersion, "kind": kind.Kind} {
		if document[name], err = json.Marshal(value); err != nil {
			return nil, err
		}
	}
	return json.Marshal(document)
}

// maxDifferences is how many differences of two objects are told.
const maxDifferences = 20

// compare says in which fields two documents differ, a line for what was there and one for what is.
func compare(before, after []byte) (string, error) {
	a, err := patch.Parse(before)
	if err != nil {
		return "", err
	}
	b, err := patch.Parse(after)
	if err != nil {
		return "", err
	}
	var lines []string
	for i, c := range patch.Diff(a, b) {
		if i == maxDifferences {
			lines = append(lines, "…")
			break
		}
		if c.Op != patch.Add {
			lines = append(lines, "- "+c.Field+": "+textOf(c.From))
		}
		if c.Op != patch.Remove {
			lines = append(lines, "+ "+c.Field+": "+textOf(c.To))
		}
	}
	return strings.Join(lines, "\n"), nil
}

func textOf(value any) string {
	text, err := patch.Bytes(value, 0)
	if err != nil { // It was parsed from JSON.
		return err.Error()
	}
	return string(text)
}
