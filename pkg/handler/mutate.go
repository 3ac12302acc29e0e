// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package handler

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"

	admissionv1 "k8s.io/api/admission/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/hookstrap/hookstrap/internal/patch"
)

// Change is one thing that mutations change in an object: an operation of a JSON patch.
type Change = patch.Change

// Mutating answers reviews of a MutatingWebhookConfiguration: with a patch of what the mutations change. The handler
// itself answers those of a ValidatingWebhookConfiguration, which must have none, and asks only the checks. A review
// does not say which of the two it is for, so each needs a path of its own. Both share the limits, the metrics and the
// log.
func (h *Handler) Mutating() http.Handler { return mutating{h} }

// mutating is a Handler that asks the mutations.
type mutating struct{ handler *Handler }

func (m mutating) ServeHTTP(w http.ResponseWriter, r *http.Request) { m.handler.serve(w, r, true) }

// NoticeNamespace is that of the Handler.
func (m mutating) NoticeNamespace(name string, notice func(ctx context.Context, resource string)) {
	m.handler.NoticeNamespace(name, notice)
}

// mutate asks the mutation. What it changes in a mode other than Apply is found, as violations of a check are.
func (e *entry) mutate(ctx context.Context, req *Request) outcome {
	if len(req.AdmissionRequest.Object.Raw) == 0 { // There is nothing that could be changed.
		return outcome{entry: e, skipped: true}
	}
	o := outcome{entry: e}
	object, err := e.mutation.Mutate(ctx, req)
	if err == nil && object != nil {
		o.changes, err = req.changes(object)
	}
	switch {
	case err != nil && ctx.Err() != nil:
		o.err, o.late = errDeadline, true // whatever the mutation calls it
	case err != nil:
		o.err = e.failed(ctx, err)
	case len(o.changes) == 0:
	case e.mode == Apply:
		o.object = object
	default:
		o.violations = wouldChange(req, o.changes)
	}
	return o
}

// wouldChange tells what a mutation would change.
func wouldChange(req *Request, changes []Change) []Violation {
	violations := make([]Violation, 0, len(changes))
	for _, c := range changes {
		v := Violation{Field: c.Field, Message: "would be removed"}
		if c.Op != patch.Remove {
			v.Message = "would be set to " + req.valueOf(c.To)
		}
		violations = append(violations, v)
	}
	return violations
}

// valueOf is a value of the object as people may see it: not what is in a Secret.
func (r *Request) valueOf(value any) string {
	if r.Kind.Group == "" && r.Kind.Kind == "Secret" {
		return "a value that is not shown"
	}
	text, err := json.Marshal(value)
	if err != nil { // It was parsed from JSON.
		return "a value that cannot be shown"
	}
	return clean(string(text), maxViolation)
}

// applied are all changes of the mutations, and the object as it is after them, nil if nothing has changed.
func applied(req *Request, outcomes []outcome) (changes []Change, object []byte, err error) {
	n := 0
	for _, o := range outcomes {
		if o.object != nil && o.err == nil {
			changes, object = o.changes, o.object
			n++
		}
	}
	if n > 1 { // One may have taken back what another did.
		changes, err = req.changes(object)
	}
	return changes, object, err
}

// attach puts the patch into a response that allows the request.
func attach(response *admissionv1.AdmissionResponse, req *Request, outcomes []outcome) error {
	changes, _, err := applied(req, outcomes)
	if err != nil || len(changes) == 0 {
		return err
	}
	if response.Patch, err = patch.JSON(changes); err != nil {
		return fmt.Errorf("cannot write the patch: %w", err)
	}
	kind := admissionv1.PatchTypeJSONPatch
	response.PatchType = &kind
	return nil
}

// respondWithPatch is as respond, for mutations.
func respondWithPatch(req *Request, outcomes []outcome) (*admissionv1.AdmissionResponse, decision) {
	response, decision := respond(req, outcomes)
	if !response.Allowed {
		return response, decision
	}
	if err := attach(response, req, outcomes); err != nil {
		result := status(req, http.StatusInternalServerError, metav1.StatusReasonInternalError)
		result.Message = subject(req) + " not admitted: " + clean(err.Error(), maxViolation)
		return &admissionv1.AdmissionResponse{UID: req.UID, Result: result}, decisionError
	}
	return response, decision
}

// Mutate asks the mutations about a request, as for a review but without an answer, metrics or log, and returns the
// request about the object as they change it, for [Handler.Judge]. The verdict has the changes, what mutations in other
// modes would change, and failures. It returns when ctx ends, or after the longest timeout that a webhook can have.
func (h *Handler) Mutate(ctx context.Context, req *Request) (*Request, Verdict) {
	mutations := h.entries.Load().mutations
	if len(mutations) == 0 || req.cleansUp() {
		return req, Verdict{}
	}
	verdict, outcomes := judge(ctx, mutations, req)
	changes, object, err := applied(req, outcomes)
	switch {
	case err != nil:
		verdict.Findings = append(verdict.Findings, Finding{Mode: Apply, Err: err, Refuses: true})
	case len(changes) > 0:
		verdict.Changes = changes
		for _, o := range outcomes {
			if o.object != nil && o.err == nil {
				verdict.ChangedBy = append(verdict.ChangedBy, o.entry.name)
			}
		}
		req = req.with(object)
	}
	return req, verdict
}
