// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package handler

import (
	"encoding/json"
	"testing"

	admissionv1 "k8s.io/api/admission/v1"
	"k8s.io/apimachinery/pkg/types"
)

// What is encoded by hand is what the standard library makes of it.
func TestEncode(t *testing.T) {
	for _, uid := range []types.UID{"705ab4f5-6393-11e8-b7cc-42010a800002", `a"b`, `a\b`, "<&>", "ä", "\x00", "\xff", "a b"} {
		for _, response := range []admissionv1.AdmissionResponse{
			{Allowed: true}, {}, {Allowed: true, Warnings: []string{"w"}}, {Allowed: true, AuditAnnotations: map[string]string{"a": "b"}},
		} {
			response.UID = uid
			in := review{TypeMeta: reviewV1}
			got, err := in.encode(&response)
			if err != nil {
				t.Fatal(err)
			}
			want, err := json.Marshal(review{TypeMeta: reviewV1, Response: &response})
			if err != nil {
				t.Fatal(err)
			}
			if string(got) != string(want) {
				t.Errorf("got %s\nwant %s", got, want)
			}
		}
	}
}
