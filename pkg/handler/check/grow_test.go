// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package check

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/intstr"
)

// growth is a list or map of a kind, or one of the sorts of items that it can have, to be made as long as one likes.
type growth struct {
	name string
	grow func(obj runtime.Object, n int)
}

// growths finds every list and map of an object's type, in whatever depth, so that none is forgotten.
func growths(obj runtime.Object) []growth {
	w := &walker{}
	w.walk(reflect.TypeOf(obj).Elem(), "", nil, func(root reflect.Value) reflect.Value { return root })
	return w.found
}

// walker goes through a type. at returns the value that a path leads to in an object, and makes what is missing on the
// way.
type walker struct{ found []growth }

func (w *walker) walk(t reflect.Type, path string, above []reflect.Type, at func(reflect.Value) reflect.Value) {
	switch {
	case isLeaf(t), isAbove(above, t), strings.HasPrefix(path, "status"):
		return
	case t.Kind() == reflect.Pointer:
		w.walk(t.Elem(), path, above, func(root reflect.Value) reflect.Value {
			v := at(root)
			if v.IsNil() {
				v.Set(reflect.New(t.Elem()))
			}
			return v.Elem()
		})
	case t.Kind() == reflect.Struct:
		for i := range t.NumField() {
			if f := t.Field(i); f.IsExported() && f.Name != "ManagedFields" && f.Name != "TypeMeta" {
				w.walk(f.Type, join(path, jsonName(f)), append(above, t), func(root reflect.Value) reflect.Value { return at(root).Field(i) })
			}
		}
	case t.Kind() == reflect.Map:
		for _, prefix := range keys(path) {
			w.add(path+"{"+prefix+"}", at, func(v reflect.Value, n int) { growMap(v, prefix, n) })
		}
	case t.Kind() == reflect.Slice && t.Elem().Kind() != reflect.Uint8:
		for _, sort := range sortsOf(t.Elem()) {
			w.add(path+"["+sort+"]", at, func(v reflect.Value, n int) {
				v.Set(reflect.MakeSlice(t, n, n))
				for i := range n {
					fill(v.Index(i), i, sort, 0)
				}
			})
		}
		w.walk(t.Elem(), path+"[0]", above, func(root reflect.Value) reflect.Value {
			v := at(root)
			if v.Len() == 0 {
				v.Set(reflect.MakeSlice(t, 1, 1))
				fill(v.Index(0), 0, "", 0)
			}
			return v.Index(0)
		})
	}
}

func (w *walker) add(name string, at func(reflect.Value) reflect.Value, grow func(v reflect.Value, n int)) {
	w.found = append(w.found, growth{name, func(obj runtime.Object, n int) {
		grow(at(reflect.ValueOf(obj).Elem()), n)
	}})
}

func isAbove(above []reflect.Type, t reflect.Type) bool {
	return slices.Contains(above, t)
}

func join(path, name string) string {
	if path == "" || name == "" {
		return path + name
	}
	return path + "." + name
}

// jsonName is empty for what is inlined.
func jsonName(f reflect.StructField) string {
	name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
	return name
}

func isLeaf(t reflect.Type) bool {
	switch t {
	case reflect.TypeFor[resource.Quantity](), reflect.TypeFor[metav1.Time](), reflect.TypeFor[intstr.IntOrString](),
		reflect.TypeFor[metav1.MicroTime](), reflect.TypeFor[runtime.RawExtension]():
		return true
	}
	return false
}

// keys are what the keys of a map begin with: some annotations are settings.
func keys(path string) []string {
	if strings.HasSuffix(path, "annotations") {
		return []string{"example.com/", appArmorOf, seccompOfContainer}
	}
	return []string{"example.com/"}
}

func growMap(v reflect.Value, prefix string, n int) {
	v.Set(reflect.MakeMap(v.Type()))
	for i := range n {
		key, value := reflect.New(v.Type().Key()).Elem(), reflect.New(v.Type().Elem()).Elem()
		key.SetString(fmt.Sprintf("%svalue-of-which-there-are-several-%d", prefix, i))
		fill(value, i, "", 1)
		v.SetMapIndex(key, value)
	}
}

// sortsOf are the sorts of items of a list: "" without what is optional, and the name of each field that is a pointer to
// a structure, for an item that has that, as of volumes.
func sortsOf(t reflect.Type) []string {
	sorts := []string{""}
	if t.Kind() != reflect.Struct || isLeaf(t) {
		return sorts
	}
	for i := range t.NumField() {
		f := t.Field(i)
		switch {
		case f.Anonymous && f.Type.Kind() == reflect.Struct:
			sorts = append(sorts, sortsOf(f.Type)[1:]...)
		case f.Type.Kind() == reflect.Pointer && f.Type.Elem().Kind() == reflect.Struct && !isLeaf(f.Type.Elem()):
			sorts = append(sorts, f.Name)
		}
	}
	return sorts
}

// fill makes item i of a list, which has something in each field, and of those that are optional the named one.
func fill(v reflect.Value, i int, sort string, depth int) {
	switch v.Interface().(type) {
	case resource.Quantity:
		v.Set(reflect.ValueOf(resource.MustParse("8Gi")))
		return
	case intstr.IntOrString:
		v.Set(reflect.ValueOf(intstr.FromInt32(80)))
		return
	case metav1.Time:
		v.Set(reflect.ValueOf(metav1.NewTime(time.Unix(1, 0))))
		return
	case rbacv1.Subject:
		v.Set(reflect.ValueOf(rbacv1.Subject{Kind: rbacv1.GroupKind, Name: "system:unauthenticated"}))
		return
	case corev1.RestartPolicy, corev1.ContainerRestartPolicy, corev1.ProcMountType:
		return
	}
	switch v.Kind() { //nolint:exhaustive // there are no others in API types
	case reflect.String:
		v.SetString(text(v.Type(), i))
	case reflect.Int, reflect.Int32, reflect.Int64:
		v.SetInt(int64(i%60000 + 1))
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Pointer:
		if depth < 5 {
			v.Set(reflect.New(v.Type().Elem()))
			fill(v.Elem(), i, "", depth+1)
		}
	case reflect.Slice:
		if depth < 5 && !isLeaf(v.Type().Elem()) && v.Type().Elem().Kind() != reflect.Uint8 {
			v.Set(reflect.MakeSlice(v.Type(), 1, 1))
			fill(v.Index(0), i, "", depth+1)
		}
	case reflect.Struct:
		for n := range v.NumField() {
			fillField(v, n, i, sort, depth)
		}
	}
}

func fillField(v reflect.Value, n, i int, sort string, depth int) {
	f := v.Type().Field(n)
	isOptional := f.Type.Kind() == reflect.Pointer && f.Type.Elem().Kind() == reflect.Struct
	switch {
	case !f.IsExported() || f.Name == "ReadOnly":
	case f.Name == "Path" && v.Type() == reflect.TypeFor[corev1.HostPathVolumeSource]():
		v.Field(n).SetString([]string{"/var/log/", "/etc/"}[i%2] + fmt.Sprint("v", i))
	case f.Anonymous:
		fill(v.Field(n), i, sort, depth)
	case isOptional && depth == 0 && f.Name != sort:
	default:
		fill(v.Field(n), i, "", depth+1)
	}
}

// text is a value that checks have something to say about, where they can.
func text(t reflect.Type, i int) string {
	switch t {
	case reflect.TypeFor[corev1.URIScheme]():
		return "HTTP"
	case reflect.TypeFor[metav1.LabelSelectorOperator]():
		return "NotIn"
	}
	return fmt.Sprint("value-of-which-there-are-several-", i)
}
