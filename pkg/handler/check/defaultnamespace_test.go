// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package check

import "testing"

func TestDefaultNamespace(t *testing.T) {
	object := func(kind, name, namespace string) string {
		return `{apiVersion: v1, kind: ` + kind + `, metadata: {name: ` + name + `, namespace: ` + namespace + `}}`
	}
	fault := func(namespace string) []string {
		return []string{`metadata.namespace: namespace "` + namespace + `" is not for use; choose another one`}
	}
	testRows(t, "defaultNamespace", map[string]row{
		"elsewhere":           {object: object("Pod", "web", "shop")},
		"Pod":                 {object: object("Pod", "web", "default"), want: fault("default")},
		"custom resource":     {object: `{apiVersion: example.com/v3, kind: Widget, metadata: {namespace: default}}`, want: fault("default")},
		"Service":             {object: object("Service", "web", "default"), want: fault("default")},
		"Kubernetes' own":     {object: object("Service", "kubernetes", "default")},
		"its endpoints":       {object: `{apiVersion: discovery.k8s.io/v1, kind: EndpointSlice, metadata: {name: kubernetes, namespace: default}}`},
		"a Pod of its name":   {object: object("Pod", "kubernetes", "default"), want: fault("default")},
		"ServiceAccount":      {object: object("ServiceAccount", "default", "default")},
		"root certificates":   {object: object("ConfigMap", "kube-root-ca.crt", "default")},
		"cluster-scoped":      {object: `{apiVersion: v1, kind: Node, metadata: {name: default}}`},
		"the namespace":       {object: object("Namespace", "default", "default")},
		"another one":         {params: `namespaces: [sandbox, old]`, object: object("Pod", "web", "old"), want: fault("old")},
		"the default is free": {params: `namespaces: [sandbox]`, object: object("Pod", "web", "default")},
	})
	testInvalid(t, "defaultNamespace", `namespaces: [a, "b*"]`, "p.namespaces[1]")
}
