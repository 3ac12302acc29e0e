#!/usr/bin/env bash
# Copyright The Hookstrap Authors.
# SPDX-License-Identifier: Apache-2.0
#
# k8s.io/client-go v0.36.3 and k8s.io/apimachinery v0.36.3, with Go 1.26
#
# A server answers with an HTTP error whose body is plain text, which says why. What Error() of client-go's error says:
#
#   403, 415, 500, 502, 507            the text of the server
#   400, 404, 413, 422, 429, 503, 504  a sentence that the library has for the code, without the text
#
# For 413 that sentence is "the server responded with the status code 413 but did not return more information", although
# the server did. The text is kept for programs (a cause of the type UnexpectedServerResponse in Status().Details), but
# people read Error(): of a webhook that is called with client-go, an API server passes on no more than that.
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
	k8s.io/apimachinery v0.36.3
	k8s.io/client-go v0.36.3
)
MOD

cat >main.go <<'GO'
package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
)

const why = "the body is larger than seven mebibytes"

func main() {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		code, _ := strconv.Atoi(strings.TrimPrefix(r.URL.Path, "/"))
		http.Error(w, why, code)
	}))
	defer server.Close()
	client, err := kubernetes.NewForConfig(&rest.Config{Host: server.URL})
	if err != nil {
		panic(err)
	}
	for _, code := range []int{400, 403, 404, 413, 415, 422, 429, 500, 502, 503, 504, 507} {
		err := client.CoreV1().RESTClient().Post().AbsPath("/" + strconv.Itoa(code)).Do(context.Background()).Error()
		kept := false
		if status := (apierrors.APIStatus)(nil); errors.As(err, &status) && status.Status().Details != nil {
			for _, cause := range status.Status().Details.Causes {
				kept = kept || cause.Message == why
			}
		}
		fmt.Printf("%d said %t, kept as a cause %t: %s\n", code, strings.Contains(err.Error(), why), kept, err)
	}
}
GO

go mod tidy 2>tidy || { cat tidy >&2; exit 1; }
go run . | tee seen
expect() { grep -qE "^$1" seen || { echo "it does not say: $1" >&2; exit 1; }; }
for code in 403 415 500 502 507; do
  expect "$code said true, kept as a cause true: "
done
for code in 400 404 413 422 429 503 504; do
  expect "$code said false, kept as a cause true: "
done
expect '413 said false, .*: the server responded with the status code 413 but did not return more information$'
echo 'as described'
