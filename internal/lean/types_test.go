// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package lean

import (
	"reflect"
	"sync"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	kruntime "k8s.io/apimachinery/pkg/runtime"
)

// Circle has itself in it, by its name and without one.
type Circle struct {
	*Circle
	metav1.TypeMeta
	Next   *Circle           `json:"next"`
	Others map[string]Circle `json:"others,omitempty"`
	Hidden string            `json:"-"`
	_      string
}

func TestLayouts(t *testing.T) {
	types := &Types{}
	c := types.layoutOf(reflect.TypeFor[Circle]())
	for name, want := range map[string]reflect.Kind{
		"kind": reflect.String, "apiVersion": reflect.String, "next": reflect.Pointer, "others": reflect.Map,
		"Hidden": 0, "_": 0, "Circle": 0, "TypeMeta": 0, "": 0, "-": 0,
	} {
		field := c.field[name]
		if want == 0 && field != nil || want != 0 && (field == nil || field.kind != want) {
			t.Errorf("%q is %+v, want %s", name, field, want)
		}
	}
	if c.field["next"].elem != c || c.field["others"].elem != c || c.field["others"].key.kind != reflect.String {
		t.Error("the parts are not known as what they are")
	}
	if raw := types.layoutOf(reflect.TypeFor[kruntime.RawExtension]()); !raw.own || !raw.keeps {
		t.Errorf("a RawExtension is %+v, want one with its own decoder that keeps JSON", raw)
	}
	if now := types.layoutOf(reflect.TypeFor[metav1.Time]()); !now.own || now.keeps {
		t.Errorf("a Time is %+v, want one with its own decoder that keeps nothing", now)
	}
}

// Many reviews come at the same time, and the first of a type makes the others wait, but none sees half of it.
func TestLayoutsAreShared(t *testing.T) {
	types, want := &Types{}, new(Types).layoutOf(reflect.TypeFor[corev1.Pod]())
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			pod := types.layoutOf(reflect.TypeFor[corev1.Pod]())
			if len(pod.field["spec"].field) != len(want.field["spec"].field) {
				t.Errorf("a Pod's specification has %d fields", len(pod.field["spec"].field))
			}
		})
	}
	all.Wait()
	if first, second := types.layoutOf(reflect.TypeFor[corev1.Pod]()), types.layoutOf(reflect.TypeFor[corev1.Pod]()); first != second {
		t.Error("a type is looked at twice")
	}
}
