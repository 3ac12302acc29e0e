#!/usr/bin/env bash
# Copyright The Hookstrap Authors.
# SPDX-License-Identifier: Apache-2.0
#
# sigs.k8s.io/controller-runtime v0.25.2 with k8s.io/apiserver and k8s.io/client-go v0.37.2, and Go 1.26
#
# The documentation of admission.Validator says no more than "return an error if the object is invalid". If an error from
# an API server is anywhere in it, by %w or errors.Join, the response is that error's Status alone: the text around it and
# the errors beside it are lost, and its reason becomes the reason of the refusal. The API server passes the reason on.
# So when a validator looks up another object and says with %w why it cannot, an update of an object that is there is
# answered as "not found":
#
#   the validator's error                                  text the user sees                reason, code
#   the class cannot be read: (not found)                  configmaps "class" not found      NotFound, 404
#   size is too small, joined with (not found)             configmaps "class" not found      NotFound, 404
#   the class cannot be read: (conflict)                   Operation cannot be fulfilled…    Conflict, 409
#   the same with %v                                       all of it                         Forbidden, 403
#
# A controller that does client.IgnoreNotFound(c.Update(ctx, obj)), or the same with Delete, takes the refused change for
# an object that is gone, and goes on; one with retry.RetryOnConflict reads and updates the object again and again.
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
	k8s.io/api v0.37.2
	k8s.io/apimachinery v0.37.2
	k8s.io/apiserver v0.37.2
	k8s.io/client-go v0.37.2
	sigs.k8s.io/controller-runtime v0.25.2
)
MOD

cat >main.go <<'GO'
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	admissionv1 "k8s.io/api/admission/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	webhookerrors "k8s.io/apiserver/pkg/admission/plugin/webhook/errors"
	"k8s.io/client-go/util/retry"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/webhook/admission"
)

type validator struct{ err error }

func (v validator) ValidateCreate(context.Context, *corev1.Secret) (admission.Warnings, error) {
	return nil, v.err
}

func (v validator) ValidateUpdate(context.Context, *corev1.Secret, *corev1.Secret) (admission.Warnings, error) {
	return nil, v.err
}

func (v validator) ValidateDelete(context.Context, *corev1.Secret) (admission.Warnings, error) {
	return nil, v.err
}

// update is the error that a client gets for an update which the validator refuses.
func update(scheme *runtime.Scheme, refusal error) error {
	raw := runtime.RawExtension{Raw: []byte(`{"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "web", "namespace": "shop"}}`)}
	request := admissionv1.AdmissionRequest{UID: "1", Operation: admissionv1.Update, Object: raw, OldObject: raw}
	response := admission.WithValidator[*corev1.Secret](scheme, validator{refusal}).Handle(context.Background(), admission.Request{AdmissionRequest: request})
	text, err := json.Marshal(response.AdmissionResponse)
	if err != nil {
		panic(err)
	}
	var received admissionv1.AdmissionResponse
	if err := json.Unmarshal(text, &received); err != nil {
		panic(err)
	}
	if received.Allowed {
		return nil
	}
	return webhookerrors.ToStatusErr("web.example.com", received.Result)
}

func main() {
	scheme := runtime.NewScheme()
	if err := corev1.AddToScheme(scheme); err != nil {
		panic(err)
	}
	maps := schema.GroupResource{Resource: "configmaps"}
	notFound := apierrors.NewNotFound(maps, "class")
	conflict := apierrors.NewConflict(maps, "class", errors.New("it has been changed"))
	for _, c := range []struct {
		name string
		err  error
	}{
		{"wrapped", fmt.Errorf("the class cannot be read: %w", notFound)},
		{"joined", errors.Join(errors.New("size is too small"), fmt.Errorf("the class cannot be read: %w", notFound))},
		{"conflict", fmt.Errorf("the class cannot be read: %w", conflict)},
		{"text", fmt.Errorf("the class cannot be read: %v", notFound)},
	} {
		err := update(scheme, c.err)
		status := err.(apierrors.APIStatus).Status()
		tries := 0
		_ = retry.RetryOnConflict(retry.DefaultRetry, func() error { tries++; return update(scheme, c.err) })
		fmt.Printf("%s: %s, %d, ignored as not found %t, tries %d: %s\n", c.name, status.Reason, status.Code, client.IgnoreNotFound(err) == nil, tries, err)
	}
}
GO

go mod tidy 2>errors || { cat errors >&2; exit 1; }
go run . 2>log | tee seen || { cat log >&2; exit 1; }
expect() { grep -qxF "$1" seen || { echo "it does not say: $1" >&2; exit 1; }; }
denied='admission webhook "web.example.com" denied the request:'
expect "wrapped: NotFound, 404, ignored as not found true, tries 1: $denied configmaps \"class\" not found"
expect "joined: NotFound, 404, ignored as not found true, tries 1: $denied configmaps \"class\" not found"
expect "conflict: Conflict, 409, ignored as not found false, tries 5: $denied Operation cannot be fulfilled on configmaps \"class\": it has been changed"
expect "text: Forbidden, 403, ignored as not found false, tries 1: $denied the class cannot be read: configmaps \"class\" not found"
echo 'as described'
