// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package jsonerror

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	kjson "sigs.k8s.io/json"
	sigsyaml "sigs.k8s.io/yaml"
)

// What users read has the field, and the names of types that YAML has, from whichever decoder it comes.
func TestSentence(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		`{"spec":{"containers":{}}}`:                      "spec.containers must be of type list and is of type map",
		`{"spec":{"containers":[{"command":"sh"}]}}`:      "spec.containers.command must be of type list and is of type string",
		`{"spec":{"nodeSelector":[]}}`:                    "spec.nodeSelector must be of type map and is of type list",
		`{"spec":{"terminationGracePeriodSeconds":1.5}}`:  "spec.terminationGracePeriodSeconds must be of type int64 and is of type number",
		`{"webhooks":[{"rules":[{"resources":"pods"}]}]}`: "webhooks.rules.resources must be of type list and is of type string",
		`[]`: "must be of type map and is of type list",
	} {
		for name, decode := range map[string]func([]byte, any) error{
			"sigs.k8s.io/json": kjson.UnmarshalCaseSensitivePreserveInts,
			"sigs.k8s.io/yaml": func(data []byte, into any) error { return sigsyaml.Unmarshal(data, into) },
			"encoding/json":    json.Unmarshal,
		} {
			into := any(&corev1.Pod{})
			if strings.Contains(text, "webhooks") {
				into = &admissionregistrationv1.ValidatingWebhookConfiguration{}
			}
			if got := Sentence(decode([]byte(text), into)); got != want {
				t.Errorf("%s of %s: %s, want %s", text, name, got, want)
			}
		}
	}
	if field, got := Plain(errors.New("json: torn")); field != "" || got != "torn" {
		t.Errorf("another error: %q, %q", field, got)
	}
}
