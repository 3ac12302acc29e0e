// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/hookstrap/hookstrap/pkg/handlertest"
)

func TestNothingGetsLost(t *testing.T) {
	handlertest.RoundTrip(t, boxes(), handlertest.Fix(func(box *boxV1, r *rand.Rand) {
		box.Spec.Size = fmt.Sprintf("%dx%d", r.Int64(), r.Int64())
	}))
}

func TestConvertSaysWhatIsWrong(t *testing.T) {
	const box = `{"apiVersion": "example.com/v1", "kind": "Box", "metadata": {"name": "a"}, "spec": {"size": "big"}}`
	for version, want := range map[string]string{
		"example.com/v2": `cannot convert Box "a" from example.com/v1 to example.com/v2: reading spec.size`,
		"example.com/v3": `there is no Box.example.com of apiVersion "example.com/v3", only of versions ["v2" "v1"]`,
	} {
		if _, err := boxes().Convert(t.Context(), []byte(box), version); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}
