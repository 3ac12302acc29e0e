// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package handlertest

import (
	"encoding/json"
	"fmt"
	randv1 "math/rand" //nolint:depguard // The fuzzer of apimachinery takes no other.
	"reflect"
	"strconv"

	"k8s.io/apimachinery/pkg/api/apitesting/fuzzer"
	metafuzzer "k8s.io/apimachinery/pkg/apis/meta/fuzzer"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"sigs.k8s.io/randfill"
)

// newFiller makes a filler of random objects of a type, the same ones each time.
func newFiller(seed int64, of reflect.Type) *randfill.Filler {
	codecs := serializer.NewCodecFactory(runtime.NewScheme())
	funcs := fuzzer.MergeFuzzerFuncs(metafuzzer.Funcs, freeForm, func(serializer.CodecFactory) []any {
		return rawForms(of, map[reflect.Type]bool{})
	})
	return fuzzer.FuzzerFor(funcs, randv1.NewSource(seed), codecs) // #nosec G404 -- test data.
}

// freeForm fills what may be any JSON.
func freeForm(serializer.CodecFactory) []any {
	return []any{
		func(value *any, c randfill.Continue) { *value = anyValue(c) },
		func(raw *json.RawMessage, c randfill.Continue) { *raw = anyObject(c) },
		func(number *json.Number, c randfill.Continue) { *number = json.Number(strconv.Itoa(c.Intn(1000))) },
		func(raw *runtime.RawExtension, c randfill.Continue) { *raw = runtime.RawExtension{Raw: anyObject(c)} },
	}
}

// rawForms are functions for the types within a type that are structs with nothing but JSON, as JSON is in the API of
// CustomResourceDefinitions.
func rawForms(of reflect.Type, seen map[reflect.Type]bool) []any {
	if seen[of] {
		return nil
	}
	seen[of] = true
	switch of.Kind() {
	case reflect.Pointer, reflect.Slice, reflect.Array, reflect.Map:
		return rawForms(of.Elem(), seen)
	case reflect.Struct:
		if isRaw(of) {
			return []any{fillRaw(of)}
		}
		var all []any
		for i := range of.NumField() {
			all = append(all, rawForms(of.Field(i).Type, seen)...)
		}
		return all
	default: // It has no parts.
	}
	return nil
}

func isRaw(t reflect.Type) bool {
	return t.NumField() == 1 && t.Field(0).Name == "Raw" && t.Field(0).Type == reflect.TypeFor[[]byte]() &&
		reflect.PointerTo(t).Implements(reflect.TypeFor[json.Marshaler]())
}

// fillRaw makes a function that fills a type, as the filler wants it.
func fillRaw(t reflect.Type) any {
	as := reflect.FuncOf([]reflect.Type{reflect.PointerTo(t), reflect.TypeFor[randfill.Continue]()}, nil, false)
	return reflect.MakeFunc(as, func(args []reflect.Value) []reflect.Value {
		args[0].Elem().Field(0).SetBytes(anyObject(args[1].Interface().(randfill.Continue)))
		return nil
	}).Interface()
}

func anyValue(c randfill.Continue) any {
	switch c.Intn(5) {
	case 0:
		return c.String(0)
	case 1:
		return c.Bool()
	case 2:
		return c.Intn(1000)
	case 3:
		return []any{c.Intn(1000), c.String(0)}
	}
	return map[string]any{"text": c.String(0), "number": c.Intn(1000)}
}

func anyObject(c randfill.Continue) []byte {
	text, err := json.Marshal(map[string]any{"value": anyValue(c)})
	if err != nil { // It is made of what JSON has.
		panic(err)
	}
	return text
}

// fill makes a random object of an empty one. The filler panics at types that it cannot fill.
func fill(filler *randfill.Filler, object any) (err error) {
	defer func() {
		if reason := recover(); reason != nil {
			err = fmt.Errorf("making a random %T: %v; give the field another type, such as runtime.RawExtension, or test "+
				"the conversion with objects of your own", object, reason)
		}
	}()
	filler.Fill(object)
	return nil
}
