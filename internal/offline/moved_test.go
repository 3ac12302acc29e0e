// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package offline

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/client-go/kubernetes/scheme"

	"github.com/hookstrap/hookstrap/pkg/handler"
	"github.com/hookstrap/hookstrap/pkg/handler/config"
)

// moving are a mutation that puts a container before the others and removes those that are called old, and a check of
// images.
func moving() []handler.Definition {
	inject := func(_ context.Context, _ *handler.Request, pod *corev1.Pod) error {
		isOld := func(c corev1.Container) bool { return c.Name == "old" }
		if containers := pod.Spec.Containers; containers[0].Name != "proxy" {
			proxy := corev1.Container{Name: "proxy", Image: "bad", Args: []string{"serve"}}
			pod.Spec.Containers = slices.DeleteFunc(append([]corev1.Container{proxy}, containers...), isOld)
		}
		return nil
	}
	images := func(_ context.Context, _ *handler.Request, pod *corev1.Pod) (found []handler.Violation) {
		for i, c := range pod.Spec.Containers {
			if c.Image == "bad" {
				found = append(found, handler.Violationf(field.NewPath("spec", "containers").Index(i).Child("image"), "of %s", c.Name))
			}
		}
		return found
	}
	newNone := func() none { return none{} }
	return []handler.Definition{
		handler.DefineMutation("inject", handler.Doc{}, newNone, func(none, handler.Environment) (handler.Mutation, error) {
			return handler.MutateFor("inject", inject), nil
		}).WithDefaultMode(handler.Apply),
		handler.Define("images", handler.Doc{}, newNone, func(none, handler.Environment) (handler.Check, error) {
			return handler.CheckFor("images", images), nil
		}).WithDefaultMode(handler.Deny),
	}
}

// A finding has the line of the manifest, also when mutations have moved its item.
func TestLinesOfWhatMutationsMove(t *testing.T) {
	const manifest = `apiVersion: v1
kind: Pod
metadata: {name: web}
spec:
  containers:
  - name: old
    image: bad
  - name: a
    image: bad
  - name: old
    image: bad
  - name: b
    image: bad
`
	dir := tree(t, map[string]string{"pod.yaml": manifest})
	report, err := Judge(t.Context(), Options{
		Paths: []string{dir}, Configuration: config.Default(moving()), Scheme: scheme.Scheme, Input: strings.NewReader(""),
	})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, f := range report.Findings {
		got = append(got, fmt.Sprintf("%d %s %s", f.Line, f.Field, f.Message))
	}
	// Of what is added, the list has the nearest line.
	if diff := cmp.Diff([]string{
		"5 spec.containers[0].image spec.containers[0].image: of proxy", "9 spec.containers[1].image spec.containers[1].image: of a",
		"13 spec.containers[2].image spec.containers[2].image: of b",
	}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestFieldsBeforeMoves(t *testing.T) {
	change := func(op, field string) handler.Change { return handler.Change{Op: op, Field: field} }
	nested := []handler.Change{
		change("remove", "a[1]"), change("add", "a[0]"), change("add", "a[0].b[1]"), change("add", "a[2].b[0]"),
		change("replace", "a[3]"), change("add", "a[3].c[x/y]"), change("add", "d"), change("remove", "d[10]"),
	}
	for field, want := range map[string]string{
		"":              "",
		"a":             "a",
		"a[0].b[1].c":   "a", // an item in an item, both of which were added
		"a[1].b[0]":     "a[0].b[0]",
		"a[2].b[0].c":   "a[2].b",
		"a[2].b[1].c":   "a[2].b[0].c",
		"a[3].c[x/y]":   "a[3].c[x/y]",
		"a[x]":          "a[x]",
		"d[9]":          "d[9]",
		"d[10].e":       "d[11].e",
		"d[10":          "d[11]",
		"e.a[1]":        "e.a[1]",
		"metadata.a[1]": "metadata.a[1]",
	} {
		if got := movesOf(nested).before(field); got != want {
			t.Errorf("%s was at %s, want %s", field, got, want)
		}
	}
}
