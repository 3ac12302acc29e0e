// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package lean

import (
	"encoding"
	"encoding/json"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	kjson "k8s.io/apimachinery/pkg/util/json"
	"k8s.io/client-go/kubernetes/scheme"

	"github.com/hookstrap/hookstrap/test/sample"
)

// The decoders differ in what they make of numbers in any type, of durations, of keys that are no strings, of lists of a
// type of bytes, and of some options in tags. No type of the Kubernetes API has any of that, in whatever version.
func TestKubernetesTypesHaveNothingOdd(t *testing.T) {
	seen := map[reflect.Type]bool{}
	for kind, of := range scheme.Scheme.AllKnownTypes() {
		if IsKubernetes(of) {
			for _, odd := range oddIn(of, seen) {
				t.Errorf("%s: %s", kind, odd)
			}
		}
	}
	for _, odd := range oddIn(reflect.TypeFor[metav1.PartialObjectMetadata](), seen) {
		t.Error(odd)
	}
	if len(seen) < 500 {
		t.Errorf("only %d types were looked at", len(seen))
	}
	for _, of := range []reflect.Type{
		reflect.TypeFor[map[string]any](), reflect.TypeFor[map[int]string](), reflect.TypeFor[[]nameOfByte](),
		reflect.TypeFor[struct{ a string }](), reflect.TypeFor[struct {
			A int `json:"a,string"`
		}](),
	} {
		if len(oddIn(of, map[reflect.Type]bool{})) == 0 {
			t.Errorf("nothing is odd in %s", of)
		}
	}
}

type nameOfByte byte

// oddIn says what is odd in a type and its parts. What decodes itself is given the same bytes by both.
func oddIn(t reflect.Type, seen map[reflect.Type]bool) (odd []string) {
	if seen[t] {
		return nil
	}
	seen[t] = true
	if decodesItself(reflect.PointerTo(t)) {
		return nil
	}
	if reflect.PointerTo(t).Implements(reflect.TypeFor[encoding.TextUnmarshaler]()) || t.PkgPath() == "time" {
		return []string{t.String()}
	}
	switch t.Kind() {
	case reflect.Pointer:
		return oddIn(t.Elem(), seen)
	case reflect.Slice:
		if t.Elem().Kind() == reflect.Uint8 && t != reflect.TypeFor[[]byte]() {
			odd = []string{t.String()}
		}
		return append(odd, oddIn(t.Elem(), seen)...)
	case reflect.Map:
		if t.Key().Kind() != reflect.String {
			odd = []string{t.String()}
		}
		return append(odd, oddIn(t.Elem(), seen)...)
	case reflect.Struct:
		return oddFields(t, seen)
	case reflect.Bool, reflect.String, reflect.Int, reflect.Int32, reflect.Int64, reflect.Uint8, reflect.Float64:
		return nil
	default:
		return []string{t.String()}
	}
}

func oddFields(t reflect.Type, seen map[reflect.Type]bool) (odd []string) {
	for i := range t.NumField() {
		f := t.Field(i)
		name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		unusual := slices.ContainsFunc(strings.Split(options, ","), func(option string) bool {
			return !slices.Contains([]string{"", "omitempty", "omitzero", "inline"}, option)
		})
		if name == "-" && f.IsExported() {
			continue
		}
		if !f.IsExported() || unusual || name == "" && (!f.Anonymous || f.Type.Kind() != reflect.Struct) {
			odd = append(odd, t.String()+"."+f.Name)
		}
		odd = append(odd, oddIn(f.Type, seen)...)
	}
	return odd
}

// FuzzDecodeTyped holds the fast decoder to Kubernetes' own: both take the same, and see the same. The mode says what
// becomes of the text; see sample.Mutate.
func FuzzDecodeTyped(f *testing.F) {
	pod := sample.Pod(true, 1)
	template := corev1.PodTemplateSpec{ObjectMeta: pod.ObjectMeta, Spec: pod.Spec}
	objects := []any{
		pod, &appsv1.Deployment{Spec: appsv1.DeploymentSpec{Template: template}},
		&metav1.PartialObjectMetadata{ObjectMeta: pod.ObjectMeta},
		&corev1.Secret{Data: map[string][]byte{"a": {1, 2}, "b": nil}, StringData: map[string]string{"c": "d"}},
	}
	for _, text := range []string{
		``, `{}`, `null`, `[]`, `"x"`, `5`, `1.0`, `1e3`, `-0`, `true`, `[null]`, `[{}]`, `"\ud800"`, "\"\xff\"", `"\u0000"`,
		`99999999999999999999`, `"100m"`, `"1e400"`, `"2026-05-04T10:30:00Z"`, `"a":1`, `"spec":{}`, `"Spec":{}`, `"\u0073pec":{}`,
		`{"a":1,"a":[]}`, ` { } `, `"AQI="`, `"AQI"`, `"A Q"`, `"A\nQI="`, strings.Repeat("[", 70) + strings.Repeat("]", 70),
	} {
		for mode := range uint8(3) {
			for _, at := range []uint16{0, 1, 5, 40, 111} {
				f.Add(mode, uint8(at), at, []byte(text))
			}
		}
	}
	f.Fuzz(func(t *testing.T, mode, of uint8, at uint16, text []byte) {
		example := objects[int(of)%len(objects)]
		raw, err := json.Marshal(example)
		if err != nil {
			t.Fatal(err)
		}
		raw = sample.Mutate(raw, sample.Values(raw), mode, int(at), text)
		got, want := reflect.New(reflect.TypeOf(example).Elem()).Interface(), reflect.New(reflect.TypeOf(example).Elem()).Interface()
		gotErr, wantErr := DecodeTyped(got, Object{Raw: raw}, nil), kjson.Unmarshal(raw, want)
		if (gotErr == nil) != (wantErr == nil) {
			t.Fatalf("%s: got the error %v, want %v", raw, gotErr, wantErr)
		}
		if wantErr == nil && !equality.Semantic.DeepEqual(want, got) {
			t.Errorf("%s (-want +got):\n%s", raw, cmp.Diff(want, got))
		}
		if wantErr == nil && written(t, want) != written(t, got) {
			t.Errorf("%s is not written as the same", raw)
		}
	})
}

// written tells null from empty.
func written(t *testing.T, obj any) string {
	t.Helper()
	text, err := json.Marshal(obj)
	if err != nil {
		return err.Error()
	}
	return string(text)
}
