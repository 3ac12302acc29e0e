// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package check

import (
	"testing"

	admissionv1 "k8s.io/api/admission/v1"
)

// The chart of Istio's gateway has no image of its own. Its Pods do, and are judged with it.
func TestImagesThatAnInjectorFillsIn(t *testing.T) {
	const metadata = `{labels: {sidecar.istio.io/inject: "true"}, annotations: {inject.istio.io/templates: gateway}}`
	const gateway = `{containers: [{name: istio-proxy, image: auto}]}`
	deployment := func(metadata, spec string) string {
		return `{apiVersion: apps/v1, kind: Deployment, metadata: {name: web, namespace: shop}, spec: {template: {metadata: ` + metadata +
			`, spec: ` + spec + `}}}`
	}
	for title, tt := range map[string]struct {
		object string
		found  int
	}{
		"a gateway":                 {deployment(metadata, gateway), 0},
		"by its label":              {deployment(`{labels: {sidecar.istio.io/inject: "true"}}`, gateway), 0},
		"by its annotation":         {deployment(`{annotations: {sidecar.istio.io/inject: "true"}}`, gateway), 0},
		"nobody is to fill it in":   {deployment(`{}`, gateway), 1},
		"it says not to":            {deployment(`{labels: {sidecar.istio.io/inject: "false"}}`, gateway), 1},
		"a Pod is filled in before": {`{apiVersion: v1, kind: Pod, metadata: ` + metadata + `, spec: ` + gateway + `}`, 1},
		"another container":         {deployment(metadata, `{containers: [{name: web, image: auto}]}`), 1},
		"another image":             {deployment(metadata, `{containers: [{name: istio-proxy, image: evil}]}`), 1},
		"and another container":     {deployment(metadata, `{containers: [{name: istio-proxy, image: auto}, {name: web, image: evil}]}`), 1},
	} {
		for name, params := range map[string]string{"imageTag": "", "allowedRegistries": "allowed: [registry.example/*]"} {
			for _, first := range []string{"", "privileged"} { // which decodes more of the object, for all
				req := requestOf(t, admissionv1.Create, tt.object)
				if first != "" {
					if _, err := built(t, definition(t, first), "").Evaluate(t.Context(), req); err != nil {
						t.Fatal(err)
					}
				}
				got, err := built(t, definition(t, name), params).Evaluate(t.Context(), req)
				if err != nil || len(got) != tt.found {
					t.Errorf("%s, %s: got %q, %v", title, name, shown(got), err)
				}
			}
		}
	}
}
