#!/usr/bin/env bash
# Copyright The Hookstrap Authors.
# SPDX-License-Identifier: Apache-2.0
#
# sigs.k8s.io/controller-runtime v0.25.2 with k8s.io/api v0.37.2, and Go 1.26
#
# admission.MultiValidatingHandler and MultiMutatingHandler are documented to combine "multiple" handlers "into a single"
# one, which are "called in sequential order", and "the first allowed: false response may short-circuit the rest". What
# handlers before have said is not kept, however:
#
#                                          one handler    the same in a Multi…Handler
#   audit annotations, allowed             kept           lost
#   warnings, allowed                      kept           kept
#   both, before another one refuses       (kept)         lost
#
# The API of AdmissionResponse says of auditAnnotations that the webhook provides them "to add additional context to the
# audit log for this request". As soon as a handler is in such a combination, the audit log no longer has them, and nothing
# is logged. Warnings are for a refused request too: an API server gives them to the user.
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
	sigs.k8s.io/controller-runtime v0.25.2
)
MOD

cat >main.go <<'GO'
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"

	admissionv1 "k8s.io/api/admission/v1"
	"sigs.k8s.io/controller-runtime/pkg/webhook/admission"
)

func handler(respond func() admission.Response) admission.Handler {
	return admission.HandlerFunc(func(context.Context, admission.Request) admission.Response { return respond() })
}

func show(name string, h admission.Handler) {
	review, err := json.Marshal(map[string]any{
		"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview",
		"request": admissionv1.AdmissionRequest{UID: "1", Operation: admissionv1.Create},
	})
	if err != nil {
		panic(err)
	}
	server := httptest.NewServer(&admission.Webhook{Handler: h})
	defer server.Close()
	answer, err := http.Post(server.URL, "application/json", bytes.NewReader(review))
	if err != nil {
		panic(err)
	}
	defer answer.Body.Close()
	var out admissionv1.AdmissionReview
	if err := json.NewDecoder(answer.Body).Decode(&out); err != nil {
		panic(err)
	}
	fmt.Printf("%s: allowed %t, warnings %q, audit annotations %v\n", name, out.Response.Allowed, out.Response.Warnings, out.Response.AuditAnnotations)
}

func main() {
	noted := func(r admission.Response) func() admission.Response {
		return func() admission.Response {
			r.AuditAnnotations = map[string]string{"quota": "nearly used up"}
			return r.WithWarnings("the quota is nearly used up")
		}
	}
	allows := handler(noted(admission.Allowed("")))
	refuses := handler(noted(admission.Denied("no")))
	plain := handler(func() admission.Response { return admission.Allowed("") })
	plainly := handler(func() admission.Response { return admission.Denied("no") })

	show("one allows", allows)
	show("one refuses", refuses)
	for _, kind := range []struct {
		name    string
		combine func(...admission.Handler) admission.Handler
	}{{"validating", admission.MultiValidatingHandler}, {"mutating", admission.MultiMutatingHandler}} {
		show(kind.name+", allowed by it alone", kind.combine(allows))
		show(kind.name+", allowed by it and another", kind.combine(allows, plain))
		show(kind.name+", allowed by it, refused by another", kind.combine(allows, plainly))
		show(kind.name+", refused by it", kind.combine(plain, refuses))
	}
}
GO

go mod tidy 2>errors || { cat errors >&2; exit 1; }
go run . 2>log | tee seen || { cat log >&2; exit 1; }
expect() { grep -qxF "$1" seen || { echo "it does not say: $1" >&2; exit 1; }; }
all='warnings ["the quota is nearly used up"], audit annotations map[quota:nearly used up]'
expect "one allows: allowed true, $all"
expect "one refuses: allowed false, $all"
for kind in validating mutating; do
  expect "$kind, allowed by it alone: allowed true, warnings [\"the quota is nearly used up\"], audit annotations map[]"
  expect "$kind, allowed by it and another: allowed true, warnings [\"the quota is nearly used up\"], audit annotations map[]"
  expect "$kind, allowed by it, refused by another: allowed false, warnings [], audit annotations map[]"
  expect "$kind, refused by it: allowed false, $all"
done
echo 'as described'
