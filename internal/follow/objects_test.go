// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package follow_test

import (
	"slices"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/hookstrap/hookstrap/internal/follow"
)

func object(name, version string) *unstructured.Unstructured {
	o := &unstructured.Unstructured{}
	o.SetName(name)
	o.SetResourceVersion(version)
	return o
}

func TestObjectsTellsAllThereIs(t *testing.T) {
	var told []string
	store := &follow.Objects{Changed: func(objects []*unstructured.Unstructured) {
		names := make([]string, 0, len(objects))
		for _, o := range objects {
			names = append(names, o.GetName()+o.GetResourceVersion())
		}
		slices.Sort(names)
		told = append(told, strings.Join(names, " "))
	}}
	for _, change := range []func() error{
		func() error { return store.Replace(nil, "") },
		func() error { return store.Add(object("a", "1")) },
		func() error { return store.Add(object("b", "1")) },
		func() error { return store.Update(object("a", "2")) },
		func() error { return store.Delete(object("b", "1")) },
		func() error { return store.Replace([]any{object("c", "1"), object("d", "1")}, "") },
		store.Resync,
	} {
		if err := change(); err != nil {
			t.Fatal(err)
		}
	}
	if want := []string{"", "a1", "a1 b1", "a2 b1", "a2", "c1 d1"}; !slices.Equal(told, want) {
		t.Errorf("told of %q, want %q", told, want)
	}
}
