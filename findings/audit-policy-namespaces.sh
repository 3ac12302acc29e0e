#!/usr/bin/env bash
# Copyright The Hookstrap Authors.
# SPDX-License-Identifier: Apache-2.0
#
# k8s.io/apiserver v0.37.2 with k8s.io/apimachinery v0.37.2, and Go 1.26
#
# A rule of an audit policy has "Namespaces that this rule matches. The empty string "" matches non-namespaced resources."
# What is compared is the namespace in the path of the request. It differs from that for Namespaces, which are not
# namespaced, and for a list over all namespaces:
#
#   request                                       namespaces: [""]     namespaces: [kube-system]
#   delete the Node kube-system                   matches              does not
#   create the Namespace kube-system              matches              does not
#   get, patch, delete the Namespace kube-system  does not             matches
#   list the Secrets of kube-system               does not             matches
#   list the Secrets of all namespaces            matches              does not
#
# So a rule for cluster-wide objects logs who makes Namespaces, and not who deletes them; with "level: None" for
# cluster-wide objects, those who read all Secrets of the cluster at once are not in the audit log, and those who read the
# Secrets of a single namespace are. The rule has to name the resources besides.
#
# The program gives the requests to the API server's own code for paths and for audit policies.
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
	k8s.io/apimachinery v0.37.2
	k8s.io/apiserver v0.37.2
)
MOD

cat >main.go <<'GO'
package main

import (
	"fmt"
	"net/http"

	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/apiserver/pkg/audit/policy"
	"k8s.io/apiserver/pkg/endpoints/filters"
	"k8s.io/apiserver/pkg/endpoints/request"
)

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// matches tells whether an audit rule with this namespace applies to a request.
func matches(namespace, method, path string) bool {
	loaded := must(policy.LoadPolicyFromBytes(fmt.Appendf(nil, `
apiVersion: audit.k8s.io/v1
kind: Policy
rules:
- level: Request
  namespaces: [%q]
- level: None
`, namespace)))
	r := must(http.NewRequest(method, "https://api.example.com"+path, nil))
	paths := request.RequestInfoFactory{APIPrefixes: sets.NewString("api", "apis"), GrouplessAPIPrefixes: sets.NewString("api")}
	ctx := request.WithRequestInfo(r.Context(), must(paths.NewRequestInfo(r)))
	attributes := must(filters.GetAuthorizerAttributes(ctx))
	return policy.NewPolicyRuleEvaluator(loaded).EvaluatePolicyRule(attributes).Level == "Request"
}

func main() {
	for _, r := range []struct{ method, path string }{
		{"DELETE", "/api/v1/nodes/kube-system"},
		{"POST", "/api/v1/namespaces"},
		{"GET", "/api/v1/namespaces/kube-system"},
		{"PATCH", "/api/v1/namespaces/kube-system"},
		{"DELETE", "/api/v1/namespaces/kube-system"},
		{"GET", "/api/v1/namespaces/kube-system/secrets"},
		{"GET", "/api/v1/secrets"},
	} {
		fmt.Printf("%s %s: \"\" %t, kube-system %t\n", r.method, r.path, matches("", r.method, r.path), matches("kube-system", r.method, r.path))
	}
}
GO

go mod tidy 2>errors || { cat errors >&2; exit 1; }
go run . | tee seen
expect() { grep -qxF "$1" seen || { echo "it does not say: $1" >&2; exit 1; }; }
expect 'DELETE /api/v1/nodes/kube-system: "" true, kube-system false'
expect 'POST /api/v1/namespaces: "" true, kube-system false'
expect 'GET /api/v1/namespaces/kube-system: "" false, kube-system true'
expect 'PATCH /api/v1/namespaces/kube-system: "" false, kube-system true'
expect 'DELETE /api/v1/namespaces/kube-system: "" false, kube-system true'
expect 'GET /api/v1/namespaces/kube-system/secrets: "" false, kube-system true'
expect 'GET /api/v1/secrets: "" true, kube-system false'
echo 'as described'
