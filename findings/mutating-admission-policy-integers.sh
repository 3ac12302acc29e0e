#!/usr/bin/env bash
# Copyright The Hookstrap Authors.
# SPDX-License-Identifier: Apache-2.0
#
# k8s.io/apiserver v0.37.2 with k8s.io/api and k8s.io/apimachinery v0.37.2, and Go 1.26
#
# The API reference of MutatingAdmissionPolicy says of the JSONPatch objects in an expression: "The 'value' field may be
# set to any of: string, integer, array, map or object". With an integer above 2^53-1 (a custom resource has it as int64,
# and CEL has 64-bit integers too), here 9007199254740993, the outcome depends on how the expression is written:
#
#   value: object.spec.size, or the number itself          the string "9007199254740993" is put into the object
#   value: Object.spec.copy{size: object.spec.size}        the integer 9007199254740992, which is another one
#   op: "test" with object.spec.size on /spec/size         it does not hold; the whole patch is left out, without an error
#   op: "copy", and an applyConfiguration                  the integer 9007199254740993
#
# Where a built-in type has an int64, the string makes the request fail ("Internal error occurred: json: cannot unmarshal
# string"). In a custom resource it is only seen if the schema says type: integer. Up to 2^53-1 all of them are right.
#
# It needs Go and takes a minute. It fails if the behaviour is another one.
set -euo pipefail
directory=$(mktemp -d)
trap 'rm -rf "$directory"' EXIT
cd "$directory"

cat >go.mod <<'MOD'
module example.com/finding

go 1.26.0

require (
	k8s.io/api v0.37.2
	k8s.io/apimachinery v0.37.2
	k8s.io/apiserver v0.37.2
)
MOD

cat >main.go <<'GO'
package main

import (
	"context"
	"encoding/json"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/managedfields"
	"k8s.io/apimachinery/pkg/util/version"
	"k8s.io/apiserver/pkg/admission"
	"k8s.io/apiserver/pkg/admission/plugin/cel"
	"k8s.io/apiserver/pkg/admission/plugin/policy/mutating/patch"
	celconfig "k8s.io/apiserver/pkg/apis/cel"
	"k8s.io/apiserver/pkg/cel/environment"
)

// mutate evaluates one mutation of a policy, as the admission plugin does.
func mutate(obj runtime.Object, gvk schema.GroupVersionKind, apply bool, expression string) (runtime.Object, error) {
	scheme := runtime.NewScheme()
	if err := corev1.AddToScheme(scheme); err != nil {
		return nil, err
	}
	compiler, err := cel.NewCompositedCompiler(environment.MustBaseEnvSet(version.MajorMinor(1, 37)))
	if err != nil {
		return nil, err
	}
	var accessor cel.ExpressionAccessor = &patch.JSONPatchCondition{Expression: expression}
	patcher := patch.NewJSONPatcher
	if apply {
		accessor, patcher = &patch.ApplyConfigurationCondition{Expression: expression}, patch.NewApplyConfigurationPatcher
	}
	compiled := compiler.CompileMutatingEvaluator(accessor, cel.OptionalVariableDeclarations{HasPatchTypes: true}, environment.StoredExpressions)
	resource := gvk.GroupVersion().WithResource("things")
	return patcher(compiled).Patch(context.Background(), patch.Request{
		MatchedResource: resource,
		VersionedAttributes: &admission.VersionedAttributes{
			Attributes:      admission.NewAttributesRecord(obj, nil, gvk, "shop", "web", resource, "", admission.Create, &metav1.CreateOptions{}, false, nil),
			VersionedKind:   gvk,
			VersionedObject: admission.NewLazyObject(obj),
		},
		ObjectInterfaces: admission.NewObjectInterfacesFromScheme(scheme),
		TypeConverter:    managedfields.NewDeducedTypeConverter(),
	}, celconfig.RuntimeCELCostBudget)
}

func show(size int64, name string, apply bool, expression string) {
	obj := &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "example.com/v1", "kind": "Disk", "metadata": map[string]any{"name": "web"},
		"spec": map[string]any{"size": size},
	}}
	out, err := mutate(obj, obj.GroupVersionKind(), apply, expression)
	if err != nil {
		fmt.Printf("%d %s: error: %s\n", size, name, err)
		return
	}
	spec, err := json.Marshal(out.(*unstructured.Unstructured).Object["spec"])
	if err != nil {
		panic(err)
	}
	fmt.Printf("%d %s: %s\n", size, name, spec)
}

func main() {
	for _, size := range []int64{1<<53 - 1, 1<<53 + 1} {
		show(size, "value", false, `[JSONPatch{op: "add", path: "/spec/copy", value: object.spec.size}]`)
		show(size, "number", false, fmt.Sprintf(`[JSONPatch{op: "add", path: "/spec/copy", value: %d}]`, size))
		show(size, "object", false, `[JSONPatch{op: "add", path: "/spec/copy", value: Object.spec.copy{size: object.spec.size}}]`)
		show(size, "test", false, `[JSONPatch{op: "test", path: "/spec/size", value: object.spec.size}, JSONPatch{op: "add", path: "/spec/seen", value: "yes"}]`)
		show(size, "copy", false, `[JSONPatch{op: "copy", from: "/spec/size", path: "/spec/copy"}]`)
		show(size, "apply", true, `Object{spec: Object.spec{copy: object.spec.size}}`)

		pod := &corev1.Pod{TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Pod"}, Spec: corev1.PodSpec{ActiveDeadlineSeconds: &size}}
		out, err := mutate(pod, corev1.SchemeGroupVersion.WithKind("Pod"), false,
			`[JSONPatch{op: "add", path: "/spec/terminationGracePeriodSeconds", value: object.spec.activeDeadlineSeconds}]`)
		if err != nil {
			fmt.Printf("%d pod: error: %s\n", size, err)
		} else {
			fmt.Printf("%d pod: %d\n", size, *out.(*corev1.Pod).Spec.TerminationGracePeriodSeconds)
		}
	}
}
GO

go mod tidy 2>errors || { cat errors >&2; exit 1; }
go run . | tee seen
expect() { grep -qxF "$1" seen || { echo "it does not say: $1" >&2; exit 1; }; }
for kind in value number copy apply; do
  expect "9007199254740991 $kind: {\"copy\":9007199254740991,\"size\":9007199254740991}"
done
expect '9007199254740991 object: {"copy":{"size":9007199254740991},"size":9007199254740991}'
expect '9007199254740991 test: {"seen":"yes","size":9007199254740991}'
expect '9007199254740991 pod: 9007199254740991'
for kind in value number; do
  expect "9007199254740993 $kind: {\"copy\":\"9007199254740993\",\"size\":9007199254740993}"
done
expect '9007199254740993 object: {"copy":{"size":9007199254740992},"size":9007199254740993}'
expect '9007199254740993 test: {"size":9007199254740993}'
for kind in copy apply; do
  expect "9007199254740993 $kind: {\"copy\":9007199254740993,\"size\":9007199254740993}"
done
expect '9007199254740993 pod: error: Internal error occurred: json: cannot unmarshal string into Go struct field PodSpec.spec.terminationGracePeriodSeconds of type int64'
echo 'as described'
