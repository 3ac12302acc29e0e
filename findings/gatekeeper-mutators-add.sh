#!/usr/bin/env bash
# Copyright The Hookstrap Authors.
# SPDX-License-Identifier: Apache-2.0
#
# github.com/open-policy-agent/gatekeeper/v3 v3.23.1, and Go 1.26
#
# Of Gatekeeper's mutators the documentation says that ModifySet with "operation: prune" is there "to remove values from the
# list", and AssignImage "for changing the components of an image string". Where the list or the image is not there, nothing
# is to be removed or changed. Both add what is on the way to it, as if they were to set a value. A Pod which has one
# container, app, has afterwards:
#
#   mutator                                                            the Pod has it besides
#   ModifySet prune, spec.containers[name: proxy].args                 a container proxy without an image
#   ModifySet prune, spec.initContainers[name: setup].args             an init container setup without an image
#   ModifySet prune, spec.containers[name: *]…capabilities.add         app has securityContext.capabilities, empty
#   AssignImage with a domain, spec.containers[name: proxy].image      a container proxy, image registry.example.com/
#   AssignImage with a tag, spec.containers[name: proxy].image         a container proxy, image :v2
#   any of them with the path test MustExist for the container         nothing
#
# So a mutator which takes an argument away from a sidecar, or has its image come from a mirror, makes an API server refuse
# all Pods without this sidecar. The documentation names path tests for this when a value is set ("accidentally creating an
# empty sidecar"); its example of prune has none, and with its [name: *] no container is added.
#
# It needs Go and takes two minutes. It fails if the behaviour is another one.
set -euo pipefail
directory=$(mktemp -d)
trap 'rm -rf "$directory"' EXIT
cd "$directory"

cat >go.mod <<'MOD'
module example.com/finding

go 1.26.0

require (
	github.com/open-policy-agent/gatekeeper/v3 v3.23.1
	k8s.io/apimachinery v0.36.2
)
MOD

cat >main.go <<'GO'
package main

import (
	"encoding/json"
	"fmt"

	"github.com/open-policy-agent/gatekeeper/v3/apis/mutations/unversioned"
	"github.com/open-policy-agent/gatekeeper/v3/pkg/mutation/match"
	"github.com/open-policy-agent/gatekeeper/v3/pkg/mutation/mutators/assignimage"
	"github.com/open-policy-agent/gatekeeper/v3/pkg/mutation/mutators/modifyset"
	"github.com/open-policy-agent/gatekeeper/v3/pkg/mutation/path/tester"
	"github.com/open-policy-agent/gatekeeper/v3/pkg/mutation/types"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

var pods = []match.MutationApplyTo{{ApplyTo: match.ApplyTo{Groups: []string{""}, Versions: []string{"v1"}, Kinds: []string{"Pod"}}}}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// show says what the spec of a Pod with one container is after a mutation.
func show(what string, mutator types.Mutator) {
	pod := &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "v1", "kind": "Pod", "metadata": map[string]any{"name": "web"},
		"spec": map[string]any{"containers": []any{map[string]any{"name": "app", "image": "app:v1"}}},
	}}
	must(mutator.Mutate(&types.Mutable{Object: pod}))
	fmt.Printf("%s: %s\n", what, must(json.Marshal(pod.Object["spec"])))
}

func prune(location string, tests ...unversioned.PathTest) *modifyset.Mutator {
	m := &unversioned.ModifySet{Spec: unversioned.ModifySetSpec{ApplyTo: pods, Location: location}}
	m.Name = "remove"
	m.Spec.Parameters.Operation = unversioned.PruneOp
	m.Spec.Parameters.Values.FromList = []any{"--debug"}
	m.Spec.Parameters.PathTests = tests
	return must(modifyset.MutatorForModifySet(m))
}

func image(domain, tag string, tests ...unversioned.PathTest) *assignimage.Mutator {
	m := &unversioned.AssignImage{Spec: unversioned.AssignImageSpec{ApplyTo: pods, Location: "spec.containers[name: proxy].image"}}
	m.Name = "image"
	m.Spec.Parameters.AssignDomain, m.Spec.Parameters.AssignTag = domain, tag
	m.Spec.Parameters.PathTests = tests
	return must(assignimage.MutatorForAssignImage(m))
}

func main() {
	there := unversioned.PathTest{SubPath: "spec.containers[name: proxy]", Condition: tester.MustExist}
	show("prune proxy", prune("spec.containers[name: proxy].args"))
	show("prune setup", prune("spec.initContainers[name: setup].args"))
	show("prune all args", prune("spec.containers[name: *].args"))
	show("prune capabilities", prune("spec.containers[name: *].securityContext.capabilities.add"))
	show("domain", image("registry.example.com", ""))
	show("tag", image("", ":v2"))
	show("prune proxy, tested", prune("spec.containers[name: proxy].args", there))
	show("domain, tested", image("registry.example.com", "", there))
}
GO

go run -mod=mod . 2>errors | tee seen || { cat errors >&2; exit 1; }
expect() { grep -qxF "$1" seen || { echo "it does not say: $1" >&2; exit 1; }; }
expect 'prune proxy: {"containers":[{"image":"app:v1","name":"app"},{"name":"proxy"}]}'
expect 'prune setup: {"containers":[{"image":"app:v1","name":"app"}],"initContainers":[{"name":"setup"}]}'
expect 'prune all args: {"containers":[{"image":"app:v1","name":"app"}]}'
expect 'prune capabilities: {"containers":[{"image":"app:v1","name":"app","securityContext":{"capabilities":{}}}]}'
expect 'domain: {"containers":[{"image":"app:v1","name":"app"},{"image":"registry.example.com/","name":"proxy"}]}'
expect 'tag: {"containers":[{"image":"app:v1","name":"app"},{"image":":v2","name":"proxy"}]}'
expect 'prune proxy, tested: {"containers":[{"image":"app:v1","name":"app"}]}'
expect 'domain, tested: {"containers":[{"image":"app:v1","name":"app"}]}'
echo 'as described'
