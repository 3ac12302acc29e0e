// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package handler

import (
	"net/http"
	"slices"
	"strings"

	admissionv1 "k8s.io/api/admission/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// respond makes one answer of all outcomes. A request is denied when a check in mode Deny has a violation; it ends in
// an error when there is none, but such a check failed.
func respond(req *Request, outcomes []outcome) (*admissionv1.AdmissionResponse, decision) {
	response := &admissionv1.AdmissionResponse{UID: req.UID, AuditAnnotations: auditAnnotations(outcomes)}
	denials, failures := refusals(outcomes)
	switch {
	case len(denials) > 0:
		response.Result = status(req, http.StatusForbidden, metav1.StatusReasonForbidden)
		response.Result.Message = denialMessage(req, denials, failures)
		response.Result.Details.Causes = causes(denials)
		return response, decisionDenied
	case len(failures) > 0:
		code, reason := int32(http.StatusInternalServerError), metav1.StatusReasonInternalError
		if failures[0].late {
			code, reason = http.StatusGatewayTimeout, metav1.StatusReasonTimeout
		}
		response.Result = status(req, code, reason)
		response.Result.Message = failureMessage(req, failures)
		return response, decisionError
	}
	response.Allowed = true
	response.Warnings = warnings(outcomes)
	return response, decisionAllowed
}

// refusals returns the outcomes that deny the request: checks that deny, and those of them, or mutations, that failed.
func refusals(outcomes []outcome) (denials, failures []outcome) {
	denials, failed := split(outcomes, Deny)
	_, unapplied := split(outcomes, Apply)
	for _, o := range slices.Concat(failed, unapplied) {
		if o.refuses() {
			failures = append(failures, o)
		}
	}
	return denials, failures
}

// split returns the outcomes of checks of one mode: those with violations, and those of checks that failed. A check
// that has found something before it failed is among both: what it found counts all the same.
func split(outcomes []outcome, mode Mode) (violated, failed []outcome) {
	for _, o := range outcomes {
		if o.mode != mode {
			continue
		}
		if len(o.violations) > 0 {
			violated = append(violated, o)
		}
		if o.err != nil {
			failed = append(failed, o)
		}
	}
	return violated, failed
}

// auditAnnotations has an annotation for each check in mode Audit that has something to say, and one for each check
// that something was exempt from. Their keys are the name of the check, and the name with a suffix; the API server puts
// the name of the webhook and a slash in front.
func auditAnnotations(outcomes []outcome) map[string]string {
	annotations := map[string]string{}
	violated, failed := split(outcomes, Audit)
	for _, o := range violated {
		limit := max(maxMessage/len(outcomes), maxViolation)
		annotations[o.entry.name] = clean(joinViolations(o.violations, maxViolations), limit)
	}
	for _, o := range failed {
		text := clean("failed: "+o.err.Error(), maxViolation)
		if found := annotations[o.entry.name]; found != "" {
			text = found + "; " + text
		}
		annotations[o.entry.name] = text
	}
	for _, o := range outcomes {
		if o.exemptBy != "" {
			annotations[o.entry.name+exemptSuffix] = exemptText(o)
		}
	}
	if len(annotations) == 0 {
		return nil
	}
	return annotations
}

// exemptText says what exempted something.
func exemptText(o outcome) string {
	return clean(string(o.exemptBy)+": "+strings.Join(o.exempted, ", "), maxViolation)
}

// warnings has a warning for each violation of checks in mode Warn, for all advice, for each such check that failed, or
// that would deny but admits when it fails, for each check that will deny the Pods of an object that stays as it was,
// and for each exemption that ends soon. It is for requests that are allowed: who was denied has a message to read
// already.
func warnings(outcomes []outcome) []string {
	violated, failed := split(outcomes, Warn)
	_, open := split(outcomes, Deny) // the others refuse, and then there is no warning
	_, unapplied := split(outcomes, Apply)
	var texts []string
	n := 0
	add := func(text string) {
		if n++; n <= maxWarnings {
			texts = append(texts, clean(text, maxWarning))
		}
	}
	for _, o := range violated {
		for _, v := range o.violations {
			add(o.entry.name + ": " + violationText(v))
		}
	}
	for _, o := range outcomes {
		for _, v := range o.advice {
			add(o.entry.name + ": " + violationText(v))
		}
	}
	for _, o := range slices.Concat(open, unapplied, failed) {
		add(o.entry.name + " failed: " + o.err.Error())
	}
	for _, o := range outcomes {
		if len(o.podsRefused) > 0 { // one of them is enough to know
			add(o.entry.name + ": its new Pods will be denied: " + o.podsRefused[0].Message)
		}
	}
	for _, o := range outcomes {
		if o.ending != "" {
			add(o.entry.name + " is exempt here: " + o.ending)
		}
	}
	if n > maxWarnings {
		texts[maxWarnings-1] = more(n-maxWarnings+1, "warnings")
	}
	return texts
}

// status begins a status about the object of the request.
func status(req *Request, code int32, reason metav1.StatusReason) *metav1.Status {
	return &metav1.Status{
		Status: metav1.StatusFailure, Code: code, Reason: reason,
		Details: &metav1.StatusDetails{Name: req.Name, Group: req.Resource.Group, Kind: req.Resource.Resource},
	}
}

// causes lists the violations for programs, up to a number of them: the field at fault, and a message that begins with
// the check's name.
func causes(denials []outcome) []metav1.StatusCause {
	var list []metav1.StatusCause
	for _, o := range denials {
		for _, v := range o.violations[:min(len(o.violations), maxViolations, maxCauses-len(list))] {
			list = append(list, metav1.StatusCause{
				Type: metav1.CauseTypeForbidden, Field: clean(v.Field, maxViolation),
				Message: clean(o.entry.name+": "+v.Message, maxViolation),
			})
		}
	}
	return list
}

// response answers a review. The API server gives code and delay to its client, which tries again by itself if it is
// client-go.
func (f *refusal) response(req *Request) *admissionv1.AdmissionResponse {
	if f.allowed {
		return &admissionv1.AdmissionResponse{UID: req.UID, Allowed: true}
	}
	code := int32(f.code) // #nosec G115 -- codes of HTTP.
	result := status(req, code, reasons()[f.code])
	if f.retry {
		result.Code, result.Reason = http.StatusTooManyRequests, metav1.StatusReasonTooManyRequests
		result.Details.RetryAfterSeconds = 1
	}
	result.Message = clean(f.message, maxViolation)
	if req.Kind.Kind != "" {
		result.Message = subject(req) + " not admitted: " + result.Message
	}
	return &admissionv1.AdmissionResponse{UID: req.UID, Result: result}
}

func reasons() map[int]metav1.StatusReason {
	return map[int]metav1.StatusReason{
		http.StatusBadRequest:            metav1.StatusReasonBadRequest,
		http.StatusRequestEntityTooLarge: metav1.StatusReasonRequestEntityTooLarge,
		http.StatusInternalServerError:   metav1.StatusReasonInternalError,
		http.StatusGatewayTimeout:        metav1.StatusReasonTimeout,
	}
}
