// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package handler

import (
	"strings"
	"testing"
)

func TestNoResource(t *testing.T) {
	for name, want := range map[string]string{
		"pods": "", "deployments.apps": "", "widgets.example.com": "", "endpoints": "", "networkpolicies.networking.k8s.io": "",
		"customresourcedefinitions.apiextensions.k8s.io": "", "gateways.gateway.networking.k8s.io": "",
		"deployments": "write deployments.apps", "pod": "write pods", "ingress.networking.k8s.io": "write ingresses.networking.k8s.io",
		"pods.apps": "write pods", "widgets": "as in deployments.apps", "events": "", "daemonsets": "write daemonsets.apps",
		"ingresses.extensions": "write ingresses.networking.k8s.io",
	} {
		if got := NoResource(name); want == "" && got != "" || !strings.HasSuffix(got, want) {
			t.Errorf("%s: got %q", name, got)
		}
	}
}

func TestNeverInNamespaces(t *testing.T) {
	for kind, want := range map[string][2]string{ // without a namespace, and in one
		"pods":                            {"are in namespaces: say in which", ""},
		"roles.rbac.authorization.k8s.io": {"are in namespaces: say in which", ""},
		"namespaces":                      {"", "namespaces are in no namespace: name them where no namespaces are"},
		"nodes":                           {"", "are in no namespace: name them where no namespaces are"},
		"customresourcedefinitions.apiextensions.k8s.io": {"", "are in no namespace: name them where no namespaces are"},
		"widgets.example.com":                            {"", ""},
	} {
		for i, namespaces := range [][]string{nil, {"shop"}} {
			if got := NeverInNamespaces(kind, namespaces); want[i] == "" && got != "" || !strings.HasSuffix(got, want[i]) {
				t.Errorf("%s in %q: got %q, want %q", kind, namespaces, got, want[i])
			}
		}
	}
}
