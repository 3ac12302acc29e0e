// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package handlertest

import (
	"encoding/json"
	"fmt"
	randv1 "math/rand" //nolint:depguard // The fuzzer of apimachinery takes no other.

	"k8s.io/apimachinery/pkg/api/apitesting/fuzzer"
	metafuzzer "k8s.io/apimachinery/pkg/apis/meta/fuzzer"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"sigs.k8s.io/randfill"
)

// newFiller makes a filler of random objects, the same ones each time.
func newFiller(seed int64) *randfill.Filler {
	codecs := serializer.NewCodecFactory(runtime.NewScheme())
	funcs := fuzzer.MergeFuzzerFuncs(metafuzzer.Funcs, freeForm)
	return fuzzer.FuzzerFor(funcs, randv1.NewSource(seed), codecs) // #nosec G404 -- test data.
}

// freeForm fills what may be any JSON.
func freeForm(serializer.CodecFactory) []any {
	return []any{
		func(value *any, c randfill.Continue) { *value = anyValue(c) },
		func(raw *json.RawMessage, c randfill.Continue) { *raw = anyObject(c) },
		func(raw *runtime.RawExtension, c randfill.Continue) { *raw = runtime.RawExtension{Raw: anyObject(c)} },
	}
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
