#!/usr/bin/env bash
# Copyright The Hookstrap Authors.
# SPDX-License-Identifier: Apache-2.0
#
# k8s.io/apimachinery v0.37.2 with k8s.io/api v0.37.2 and gopkg.in/evanphx/json-patch.v4 v4.13.0, and Go 1.26
#
# runtime.DefaultUnstructuredConverter.FromUnstructured puts an integer into a smaller Go type without looking whether it
# fits: another number comes out, and no error. Decoding the same content as JSON is an error, and the converter's source
# has a comparison with JSON, for tests only, "to ensure that the result is true".
#
#   content                  Go type    JSON     FromUnstructured
#   4294967297               int32      error    1
#   5000000000               int32      error    705032704
#   300                      uint8      error    44
#   -1                       uint32     error    4294967295
#
# FromUnstructuredWithValidation, which reports unknown fields, reports none of these. An API server applies a strategic
# merge patch with it, so of two patches with the same content, {"spec":{"replicas":4294967297}}, it refuses the JSON merge
# patch, and takes the strategic merge patch, which kubectl patch and kubectl apply send for built-in types, as one replica.
#
# The program does with a Deployment what the API server's code does for the two kinds of patches.
#
# It needs Go and takes a quarter of a minute. It fails if the behaviour is another one.
set -euo pipefail
directory=$(mktemp -d)
trap 'rm -rf "$directory"' EXIT
cd "$directory"

cat >go.mod <<'MOD'
module example.com/finding

go 1.26.0

require (
	gopkg.in/evanphx/json-patch.v4 v4.13.0
	k8s.io/api v0.37.2
	k8s.io/apimachinery v0.37.2
)
MOD

cat >main.go <<'GO'
package main

import (
	"encoding/json"
	"fmt"

	jsonpatch "gopkg.in/evanphx/json-patch.v4"
	appsv1 "k8s.io/api/apps/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	utiljson "k8s.io/apimachinery/pkg/util/json"
	"k8s.io/apimachinery/pkg/util/strategicpatch"
)

type small struct {
	I32 int32  `json:"i32"`
	U8  uint8  `json:"u8"`
	U32 uint32 `json:"u32"`
}

func compare(text string) {
	var content map[string]any
	if err := utiljson.Unmarshal([]byte(text), &content); err != nil {
		panic(err)
	}
	var byJSON, converted small
	jsonErr := json.Unmarshal([]byte(text), &byJSON)
	err := runtime.DefaultUnstructuredConverter.FromUnstructuredWithValidation(content, &converted, true)
	fmt.Printf("%s: JSON error %t; converter error %t, %+v\n", text, jsonErr != nil, err != nil, converted)
}

func deployment() *appsv1.Deployment {
	three := int32(3)
	return &appsv1.Deployment{
		TypeMeta:   metav1.TypeMeta{APIVersion: "apps/v1", Kind: "Deployment"},
		ObjectMeta: metav1.ObjectMeta{Name: "web"},
		Spec:       appsv1.DeploymentSpec{Replicas: &three},
	}
}

func strategic(patch string) (*appsv1.Deployment, error) {
	original, err := runtime.DefaultUnstructuredConverter.ToUnstructured(deployment())
	if err != nil {
		return nil, err
	}
	var content map[string]any
	if err := utiljson.Unmarshal([]byte(patch), &content); err != nil {
		return nil, err
	}
	patched, err := strategicpatch.StrategicMergeMapPatch(original, content, &appsv1.Deployment{})
	if err != nil {
		return nil, err
	}
	var out appsv1.Deployment
	return &out, runtime.DefaultUnstructuredConverter.FromUnstructuredWithValidation(patched, &out, true)
}

func merge(patch string) (*appsv1.Deployment, error) {
	scheme := runtime.NewScheme()
	if err := appsv1.AddToScheme(scheme); err != nil {
		return nil, err
	}
	original, err := json.Marshal(deployment())
	if err != nil {
		return nil, err
	}
	patched, err := jsonpatch.MergePatch(original, []byte(patch))
	if err != nil {
		return nil, err
	}
	var out appsv1.Deployment
	return &out, runtime.DecodeInto(serializer.NewCodecFactory(scheme, serializer.EnableStrict).UniversalDeserializer(), patched, &out)
}

func main() {
	compare(`{"i32":2147483647}`)
	compare(`{"i32":4294967297}`)
	compare(`{"i32":5000000000}`)
	compare(`{"u8":300}`)
	compare(`{"u32":-1}`)
	for _, patch := range []string{`{"spec":{"replicas":2}}`, `{"spec":{"replicas":4294967297}}`} {
		for _, kind := range []struct {
			name  string
			apply func(string) (*appsv1.Deployment, error)
		}{{"merge", merge}, {"strategic merge", strategic}} {
			if out, err := kind.apply(patch); err != nil {
				fmt.Printf("%s patch %s: %s\n", kind.name, patch, err)
			} else {
				fmt.Printf("%s patch %s: %d replicas\n", kind.name, patch, *out.Spec.Replicas)
			}
		}
	}
}
GO

go mod tidy 2>errors || { cat errors >&2; exit 1; }
go run . | tee seen
expect() { grep -qF "$1" seen || { echo "it does not say: $1" >&2; exit 1; }; }
expect '{"i32":2147483647}: JSON error false; converter error false, {I32:2147483647 U8:0 U32:0}'
expect '{"i32":4294967297}: JSON error true; converter error false, {I32:1 U8:0 U32:0}'
expect '{"i32":5000000000}: JSON error true; converter error false, {I32:705032704 U8:0 U32:0}'
expect '{"u8":300}: JSON error true; converter error false, {I32:0 U8:44 U32:0}'
expect '{"u32":-1}: JSON error true; converter error false, {I32:0 U8:0 U32:4294967295}'
expect 'merge patch {"spec":{"replicas":2}}: 2 replicas'
expect 'strategic merge patch {"spec":{"replicas":2}}: 2 replicas'
expect 'merge patch {"spec":{"replicas":4294967297}}: json: cannot unmarshal number 4294967297 into Go struct field DeploymentSpec.spec.replicas of type int32'
expect 'strategic merge patch {"spec":{"replicas":4294967297}}: 1 replicas'
echo 'as described'
