#!/usr/bin/env bash
# Copyright The Hookstrap Authors.
# SPDX-License-Identifier: Apache-2.0
#
# sigs.k8s.io/controller-runtime v0.25.2 with gopkg.in/evanphx/json-patch.v4 v4.13.0, which API servers have, and Go 1.26
#
# A defaulter's Go type does not know a field that a newer version of the CustomResourceDefinition has, in the items of a
# list. admission.WithDefaulter keeps such fields: it leaves out of the patch what only the Go type has removed. The patch
# goes by the places of the items, however. When the defaulter puts an item at the start of the list, takes the first one
# away, or changes their order, the field stays at its place in the list, and so gets to another item. The API server
# accepts the patch, and nothing is logged.
#
#   steps before                    the defaulter            steps after
#   pay with restart: Never; log    adds trace at the end    pay with restart: Never; log; trace
#   the same                        adds trace at the start  trace with restart: Never; pay; log
#   the same                        takes pay away           log with restart: Never
#   the same                        turns the order          log with restart: Never; pay
#
# It needs Go and takes half a minute. It fails if the behaviour is another one.
set -euo pipefail
directory=$(mktemp -d)
trap 'rm -rf "$directory"' EXIT
cd "$directory"

cat >go.mod <<'MOD'
module example.com/finding

go 1.26.0

require (
	gopkg.in/evanphx/json-patch.v4 v4.13.0
	k8s.io/api v0.36.3
	k8s.io/apimachinery v0.36.3
	sigs.k8s.io/controller-runtime v0.25.2
)
MOD

cat >main.go <<'GO'
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"

	jsonpatch "gopkg.in/evanphx/json-patch.v4"
	admissionv1 "k8s.io/api/admission/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/webhook/admission"
)

// App does not know the field restart of a step.
type App struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata"`

	Spec struct {
		Steps []Step `json:"steps"`
	} `json:"spec"`
}

type Step struct {
	Name string `json:"name"`
}

func (a *App) DeepCopyObject() runtime.Object {
	copied := *a
	copied.Spec.Steps = slices.Clone(a.Spec.Steps)
	return &copied
}

type defaulter func(steps []Step) []Step

func (d defaulter) Default(_ context.Context, app *App) error {
	app.Spec.Steps = d(app.Spec.Steps)
	return nil
}

const object = `{"apiVersion": "example.com/v1", "kind": "App", "metadata": {"name": "shop"},
	"spec": {"steps": [{"name": "pay", "restart": "Never"}, {"name": "log"}]}}`

func show(scheme *runtime.Scheme, name string, d defaulter) error {
	request := admissionv1.AdmissionRequest{Operation: admissionv1.Create, Object: runtime.RawExtension{Raw: []byte(object)}}
	response := admission.WithDefaulter[*App](scheme, d).Handle(context.Background(), admission.Request{AdmissionRequest: request})
	text, err := json.Marshal(response.Patches)
	if err != nil {
		return err
	}
	patch, err := jsonpatch.DecodePatch(text)
	if err != nil {
		return err
	}
	after, err := patch.Apply([]byte(object))
	if err != nil {
		return err
	}
	var seen struct{ Spec struct{ Steps json.RawMessage } }
	if err := json.Unmarshal(after, &seen); err != nil {
		return err
	}
	fmt.Printf("%s: %s by %s\n", name, seen.Spec.Steps, text)
	return nil
}

func main() {
	scheme := runtime.NewScheme()
	scheme.AddKnownTypes(schema.GroupVersion{Group: "example.com", Version: "v1"}, &App{})
	for _, c := range []struct {
		name string
		d    defaulter
	}{
		{"same", func(steps []Step) []Step { return steps }},
		{"end", func(steps []Step) []Step { return append(steps, Step{"trace"}) }},
		{"start", func(steps []Step) []Step { return append([]Step{{"trace"}}, steps...) }},
		{"away", func(steps []Step) []Step { return steps[1:] }},
		{"turned", func(steps []Step) []Step { slices.Reverse(steps); return steps }},
	} {
		if err := show(scheme, c.name, c.d); err != nil {
			panic(err)
		}
	}
}
GO

go mod tidy 2>tidy || { cat tidy >&2; exit 1; }
go run . | tee seen
expect() { grep -qF "$1" seen || { echo "it does not say: $1" >&2; exit 1; }; }
expect 'same: [{"name":"pay","restart":"Never"},{"name":"log"}] by '
expect 'end: [{"name":"pay","restart":"Never"},{"name":"log"},{"name":"trace"}] by '
expect 'start: [{"name":"trace","restart":"Never"},{"name":"pay"},{"name":"log"}] by '
expect 'away: [{"name":"log","restart":"Never"}] by '
expect 'turned: [{"name":"log","restart":"Never"},{"name":"pay"}] by '
echo 'as described'
