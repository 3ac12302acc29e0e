#!/usr/bin/env bash
# Copyright The Hookstrap Authors.
# SPDX-License-Identifier: Apache-2.0
#
# k8s.io/apiserver v0.37.2 with k8s.io/api and k8s.io/apimachinery v0.37.2, and Go 1.26
#
# The API reference says of "resources" in the rules of webhook configurations and of admission policies: "'pods/*' means all
# subresources of pods", besides "'pods' means pods". The reference of the audit policy has it too: "`pods/*` matches all
# subresources of pods". In both "pods/*" also takes requests for pods themselves:
#
#   request                  webhook with "pods/*"    audit rule with "pods/*"
#   create pods/exec         called                   applies
#   create pods              called                   applies
#   create nodes             not called               does not
#
# So a webhook that was written for exec and eviction gets every new Pod as well (with failurePolicy: Fail, no Pod comes up
# while it is away), and "level: None" for pods/*, because of the many changes of pods/status, leaves the creation and
# deletion of Pods out of the audit log. "*/exec" does not take pods, and "pods" does not take pods/exec.
#
# Nothing means "only the subresources". One has to list them by name.
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
)
MOD

cat >main.go <<'GO'
package main

import (
	"fmt"
	"strings"

	v1 "k8s.io/api/admissionregistration/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apiserver/pkg/admission"
	"k8s.io/apiserver/pkg/admission/plugin/webhook/predicates/rules"
	"k8s.io/apiserver/pkg/audit/policy"
	"k8s.io/apiserver/pkg/authentication/user"
	"k8s.io/apiserver/pkg/authorization/authorizer"
)

// called tells whether a webhook with these resources in its rule gets the creation of what.
func called(resources, what string) bool {
	resource, subresource, _ := strings.Cut(what, "/")
	matcher := rules.Matcher{
		Rule: v1.RuleWithOperations{
			Operations: []v1.OperationType{v1.Create},
			Rule:       v1.Rule{APIGroups: []string{""}, APIVersions: []string{"v1"}, Resources: []string{resources}},
		},
		Attr: admission.NewAttributesRecord(nil, nil, schema.GroupVersionKind{}, "default", "web",
			schema.GroupVersionResource{Version: "v1", Resource: resource}, subresource, admission.Create, nil, false, nil),
	}
	return matcher.Matches()
}

// logged is the level that an audit policy has for the creation of what: None for these resources, Metadata for all else.
func logged(resources, what string) string {
	loaded, err := policy.LoadPolicyFromBytes([]byte(`
apiVersion: audit.k8s.io/v1
kind: Policy
rules:
- level: None
  resources: [{group: "", resources: ["` + resources + `"]}]
- level: Metadata
`))
	if err != nil {
		panic(err)
	}
	resource, subresource, _ := strings.Cut(what, "/")
	return string(policy.NewPolicyRuleEvaluator(loaded).EvaluatePolicyRule(authorizer.AttributesRecord{
		User: &user.DefaultInfo{Name: "jane"}, Verb: "create", Namespace: "default", APIVersion: "v1",
		Resource: resource, Subresource: subresource, Name: "web", ResourceRequest: true,
	}).Level)
}

func main() {
	for _, resources := range []string{"pods/*", "*/exec", "pods"} {
		for _, what := range []string{"pods/exec", "pods", "nodes"} {
			fmt.Printf("%s, create %s: called %t, logged %s\n", resources, what, called(resources, what), logged(resources, what))
		}
	}
}
GO

go mod tidy 2>errors || { cat errors >&2; exit 1; }
go run . | tee seen
expect() { grep -qxF "$1" seen || { echo "it does not say: $1" >&2; exit 1; }; }
expect 'pods/*, create pods/exec: called true, logged None'
expect 'pods/*, create pods: called true, logged None'
expect 'pods/*, create nodes: called false, logged Metadata'
expect '*/exec, create pods/exec: called true, logged None'
expect '*/exec, create pods: called false, logged Metadata'
expect 'pods, create pods/exec: called false, logged Metadata'
expect 'pods, create pods: called true, logged None'
echo 'as described'
