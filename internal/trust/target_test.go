// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package trust

import (
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/runtime/schema"
)

func TestParseTarget(t *testing.T) {
	for in, want := range map[string]Target{
		"hookstrap":                             {Validating, "hookstrap"},
		"validating/hookstrap":                  {Validating, "hookstrap"},
		"mutating/a.b-c.example.com":            {Mutating, "a.b-c.example.com"},
		"crd/widgets.example.com":               {CRD, "widgets.example.com"},
		"apiservice/v1beta1.metrics.k8s.io":     {APIService, "v1beta1.metrics.k8s.io"},
		"validating/" + strings.Repeat("x", 63): {Validating, strings.Repeat("x", 63)},
	} {
		t.Run(in, func(t *testing.T) {
			got, err := ParseTarget(in)
			if err != nil || got != want {
				t.Fatalf("got %v, %v, want %v", got, err, want)
			}
			if again, err := ParseTarget(got.String()); err != nil || again != got {
				t.Errorf("%q is read back as %v, %v", got, again, err)
			}
		})
	}
}

func TestParseTargetRefuses(t *testing.T) {
	for in, want := range map[string]string{
		"":                       "not a name",
		"/hookstrap":             `unknown kind ""`,
		"Validating/hookstrap":   `unknown kind "Validating"`,
		"secret/hookstrap":       "use validating, mutating, crd or apiservice",
		"crd/":                   "not a name",
		"Hookstrap":              "not a name",
		"validating/a/b":         "not a name",
		"a b":                    "not a name",
		strings.Repeat("x", 254): "not a name",
	} {
		t.Run(in, func(t *testing.T) {
			got, err := ParseTarget(in)
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Fatalf("got %v, error %v, want one with %q", got, err, want)
			}
			if got != (Target{}) {
				t.Errorf("a refused target is %v", got)
			}
		})
	}
}

func TestKindsHaveTheirResource(t *testing.T) {
	for kind, want := range map[Kind]schema.GroupVersionResource{
		Validating: {Group: "admissionregistration.k8s.io", Version: "v1", Resource: "validatingwebhookconfigurations"},
		Mutating:   {Group: "admissionregistration.k8s.io", Version: "v1", Resource: "mutatingwebhookconfigurations"},
		CRD:        {Group: "apiextensions.k8s.io", Version: "v1", Resource: "customresourcedefinitions"},
		APIService: {Group: "apiregistration.k8s.io", Version: "v1", Resource: "apiservices"},
	} {
		if got := kind.gvr(); got != want {
			t.Errorf("%s: got %v, want %v", kind, got, want)
		}
	}
}
