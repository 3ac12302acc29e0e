// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package handler

import (
	"context"
	"testing"

	"github.com/google/go-cmp/cmp"
	admissionv1 "k8s.io/api/admission/v1"
	corev1 "k8s.io/api/core/v1"
)

// lookingMutation is a mutation that is asked about what it says.
type lookingMutation struct {
	Mutation
	looks []Look
	rule  func(*Request) bool
}

func (m lookingMutation) LooksAt() []Look           { return m.looks }
func (m lookingMutation) Selects(req *Request) bool { return m.rule(req) }

func TestOnCreate(t *testing.T) {
	high := MutateFor("high", func(_ context.Context, _ *Request, pod *corev1.Pod) error {
		pod.Spec.PriorityClassName = "high"
		return nil
	})
	pods := corev1.SchemeGroupVersion.WithKind("Pod")
	created, updated := []admissionv1.Operation{admissionv1.Create}, []admissionv1.Operation{admissionv1.Update}
	both := append(created[:1:1], updated...)
	scaled := func(req *Request) bool { return req.SubResource == "scale" }
	for name, tt := range map[string]struct {
		of    Mutation
		looks []Look
		asked map[admissionv1.Operation]map[string]bool // by subresources
	}{
		"of all": {high, []Look{{Kind: pods, Operations: created}}, map[admissionv1.Operation]map[string]bool{
			admissionv1.Create: {"": true, "scale": false}, admissionv1.Update: {"": false, "scale": false}}},
		"of what it selects": {
			lookingMutation{high, []Look{{Kind: pods, Operations: both, SubResources: []string{"scale"}}, {Kind: pods, Operations: updated}}, scaled},
			[]Look{{Kind: pods, Operations: created, SubResources: []string{"scale"}}}, map[admissionv1.Operation]map[string]bool{
				admissionv1.Create: {"": false, "scale": true}, admissionv1.Update: {"": false, "scale": false}}},
	} {
		m := OnCreate(tt.of)
		if diff := cmp.Diff(tt.looks, m.(Looker).LooksAt()); diff != "" {
			t.Errorf("%s looks at (-want +got):\n%s", name, diff)
		}
		h, err := New(Options{Entries: []Entry{{Mutation: m}}})
		if err != nil {
			t.Fatal(err)
		}
		for operation, subs := range tt.asked {
			for sub, want := range subs {
				req := createPod(t, webPod())
				req.Operation, req.SubResource, req.OldObject = operation, sub, req.Object
				if _, verdict := h.Mutate(t.Context(), NewRequest(req)); (len(verdict.Changes) > 0) != want {
					t.Errorf("%s: %s of %q makes the changes %v", name, operation, sub, verdict.Changes)
				}
			}
		}
	}
}
