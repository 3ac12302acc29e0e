// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package config

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/hookstrap/hookstrap/pkg/handler"
	"github.com/hookstrap/hookstrap/pkg/handler/check"
)

func TestPodTemplates(t *testing.T) {
	const head = "apiVersion: hookstrap.dev/v1alpha1\nkind: CheckConfiguration\n"
	got, err := Parse([]byte(head+"podTemplates:\n- {group: argoproj.io, kind: Rollout, path: spec.template}\n"), check.Definitions())
	if err != nil {
		t.Fatal(err)
	}
	want := []handler.PodTemplate{{Group: "argoproj.io", Kind: "Rollout", Path: "spec.template"}}
	if diff := cmp.Diff(want, got.PodTemplates); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	entries, err := got.Build(handler.Environment{})
	if err != nil || len(entries) != 2 {
		t.Fatalf("got %d entries, %v", len(entries), err)
	}
	for _, e := range entries {
		if diff := cmp.Diff(want, e.PodTemplates); diff != "" {
			t.Errorf("%s (-want +got):\n%s", e.Check.Name(), diff)
		}
	}
	for text, want := range map[string]string{
		"- {group: apps, kind: Deployment, path: spec.template}": "line 4: podTemplates[0].group: Invalid value: \"apps\": must be an API group " +
			"that is not one of Kubernetes itself, such as argoproj.io",
		"- {group: argoproj.io, kind: Rollout, path: a}\n- {group: x.io, path: a}": "line 5: podTemplates[1].kind: Required value: name the kind, " +
			"such as Rollout",
		"- {group: x.io, kind: A, path: '{.spec}'}": "line 4: podTemplates[0].path: Invalid value: \"{.spec}\": must be names of fields with dots " +
			"between, such as spec.template",
		"- {group: x.io, kidn: A, kind: A, path: a}": `line 4: unknown field "podTemplates[0].kidn"`,
		"  x: 1": "line 3: podTemplates: must be of type list and is of type map",
	} {
		_, err := Parse([]byte(head+"podTemplates:\n"+text+"\n"), check.Definitions())
		if err == nil || err.Error() != want {
			t.Errorf("%s:\ngot  %v\nwant %s", text, err, want)
		}
	}
}
