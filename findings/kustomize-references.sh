#!/usr/bin/env bash
# Copyright The Hookstrap Authors.
# SPDX-License-Identifier: Apache-2.0
#
# sigs.k8s.io/kustomize/api and sigs.k8s.io/kustomize/kyaml v0.21.2 (with which kustomize and kubectl build), and Go 1.26
#
# The documentation of namePrefix: "Prepends the value to the names of all resources and references". What becomes of fields
# that refer to a policy, or to the Service of a webhook:
#
#   field                                                          namePrefix: team-     namespace: team
#   ValidatingAdmissionPolicyBinding spec.policyName               follows               there is none
#   MutatingAdmissionPolicyBinding spec.policyName                 stays as it was       there is none
#   clientConfig.service of a webhook, Service in the build        follows               follows
#   clientConfig.service of a webhook, Service of somebody else    stays as it was       stays as it was
#   conversion of a CRD, Service in the build                      stays as it was       follows
#   conversion of a CRD, Service of somebody else                  stays as it was       becomes team
#
# So the binding of a MutatingAdmissionPolicy names a policy that does not exist; such a binding "is considered invalid and
# will be ignored" (API reference), and nothing is mutated. A conversion webhook is called at team/hooks, where the Service
# is team/team-hooks, and one that is served from another namespace is called in a namespace where it is not. There is no
# warning.
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
	sigs.k8s.io/kustomize/api v0.21.2
	sigs.k8s.io/kustomize/kyaml v0.21.2
)
MOD

cat >kustomization.yaml <<'YAML'
namePrefix: team-
namespace: team
resources: [objects.yaml]
YAML

cat >objects.yaml <<'YAML'
apiVersion: v1
kind: Service
metadata: {name: hooks, namespace: system}
---
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicy
metadata: {name: check}
---
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicyBinding
metadata: {name: check}
spec: {policyName: check}
---
apiVersion: admissionregistration.k8s.io/v1
kind: MutatingAdmissionPolicy
metadata: {name: fill}
---
apiVersion: admissionregistration.k8s.io/v1
kind: MutatingAdmissionPolicyBinding
metadata: {name: fill}
spec: {policyName: fill}
---
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingWebhookConfiguration
metadata: {name: check}
webhooks:
- name: ours.example.com
  clientConfig: {service: {name: hooks, namespace: system}}
- name: theirs.example.com
  clientConfig: {service: {name: shared, namespace: platform}}
---
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: ours.example.com}
spec: {conversion: {webhook: {clientConfig: {service: {name: hooks, namespace: system}}}}}
---
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: theirs.example.com}
spec: {conversion: {webhook: {clientConfig: {service: {name: shared, namespace: platform}}}}}
YAML

cat >main.go <<'GO'
package main

import (
	"fmt"

	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/kyaml/filesys"
)

// field goes down into an object; what is not there is empty.
func field(object any, names ...string) any {
	for _, name := range names {
		m, _ := object.(map[string]any)
		object = m[name]
	}
	return object
}

func service(parent any) string {
	s := field(parent, "clientConfig", "service")
	return fmt.Sprint(field(s, "namespace"), "/", field(s, "name"))
}

func main() {
	built, err := krusty.MakeKustomizer(krusty.MakeDefaultOptions()).Run(filesys.MakeFsOnDisk(), ".")
	if err != nil {
		panic(err)
	}
	for _, resource := range built.Resources() {
		object, err := resource.Map()
		if err != nil {
			panic(err)
		}
		kind, name := resource.GetKind(), resource.GetName()
		switch kind {
		case "Service":
			fmt.Printf("%s %s/%s\n", kind, resource.GetNamespace(), name)
		case "ValidatingAdmissionPolicy", "MutatingAdmissionPolicy":
			fmt.Println(kind, name)
		case "ValidatingAdmissionPolicyBinding", "MutatingAdmissionPolicyBinding":
			fmt.Println(kind, name, "for", field(object, "spec", "policyName"))
		case "ValidatingWebhookConfiguration":
			for _, webhook := range object["webhooks"].([]any) {
				fmt.Println("webhook", field(webhook, "name"), "at", service(webhook))
			}
		case "CustomResourceDefinition":
			fmt.Println("conversion", name, "at", service(field(object, "spec", "conversion", "webhook")))
		}
	}
}
GO

go mod tidy 2>errors || { cat errors >&2; exit 1; }
go run . | tee seen
expect() { grep -qxF "$1" seen || { echo "it does not say: $1" >&2; exit 1; }; }
expect 'Service team/team-hooks'
expect 'ValidatingAdmissionPolicy team-check'
expect 'ValidatingAdmissionPolicyBinding team-check for team-check'
expect 'MutatingAdmissionPolicy team-fill'
expect 'MutatingAdmissionPolicyBinding team-fill for fill'
expect 'webhook ours.example.com at team/team-hooks'
expect 'webhook theirs.example.com at platform/shared'
expect 'conversion ours.example.com at team/hooks'
expect 'conversion theirs.example.com at team/shared'
echo 'as described'
