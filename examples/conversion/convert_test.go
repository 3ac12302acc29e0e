// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

func box(version string, spec map[string]any) unstructured.Unstructured {
	return unstructured.Unstructured{Object: map[string]any{
		"apiVersion": version, "kind": "Box", "metadata": map[string]any{"name": "a"}, "spec": spec}}
}

func TestConvertThereAndBack(t *testing.T) {
	v1 := box("example.com/v1", map[string]any{"size": "3x4"})
	v2 := box("example.com/v2", map[string]any{"width": int64(3), "height": int64(4)})
	for want, from := range map[*unstructured.Unstructured]unstructured.Unstructured{&v2: v1, &v1: v2} {
		got := convertAll(&conversionRequest{DesiredAPIVersion: want.GetAPIVersion(),
			Objects: []unstructured.Unstructured{*from.DeepCopy()}})
		if diff := cmp.Diff([]unstructured.Unstructured{*want}, got.ConvertedObjects); diff != "" {
			t.Errorf("%+v, (-want +got):\n%s", got.Result, diff)
		}
	}
}

func TestConvertSaysWhatIsWrong(t *testing.T) {
	for _, request := range []conversionRequest{
		{DesiredAPIVersion: "example.com/v2", Objects: []unstructured.Unstructured{
			box("example.com/v1", map[string]any{"size": "big"})}},
		{DesiredAPIVersion: "example.com/v3", Objects: []unstructured.Unstructured{box("example.com/v1", nil)}},
	} {
		if got := convertAll(&request); got.Result.Status != metav1.StatusFailure || got.Result.Message == "" {
			t.Errorf("%+v", got)
		}
	}
}
