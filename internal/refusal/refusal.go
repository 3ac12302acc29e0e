// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

// Package refusal says what the API server has refused, who refused it, and who can change that. A 403 alone does not
// tell: it is sent for a missing RBAC rule, an exhausted quota, an admission policy, an admission webhook, and a
// namespace that is being deleted.
package refusal

import (
	"errors"

	authorizationv1 "k8s.io/api/authorization/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Kind is who refused, or why.
type Kind string

// The kinds of refusal.
const (
	// None: the error is no refusal, or not one of the API server.
	None Kind = ""
	// Credentials: the API server does not know who asks (401), or was asked without credentials.
	Credentials Kind = "Credentials"
	// Rule: an authorizer refused; with RBAC, a rule is missing.
	Rule Kind = "Rule"
	// Quota: a ResourceQuota is used up.
	Quota Kind = "Quota"
	// Policy: a ValidatingAdmissionPolicy denied the request, with whatever status code it is set to.
	Policy Kind = "Policy"
	// Webhook: an admission webhook denied the request, with whatever status code it chose.
	Webhook Kind = "Webhook"
	// Terminating: the namespace is being deleted.
	Terminating Kind = "Terminating"
	// Plugin: another admission plugin of the API server refused (403).
	Plugin Kind = "Plugin"
	// NoKind: the API server does not serve the kind of object (404).
	NoKind Kind = "NoKind"
	// NoNamespace: the namespace does not exist (404).
	NoNamespace Kind = "NoNamespace"
	// NoObject: the object does not exist (404).
	NoObject Kind = "NoObject"
	// Manager: another field manager owns a field (409).
	Manager Kind = "Manager"
	// Race: another client wrote first (409).
	Race Kind = "Race"
	// Invalid: the API server does not accept the object (400, 422).
	Invalid Kind = "Invalid"
)

// Refusal is one answer of the API server.
type Refusal struct {
	Kind Kind
	// By names who refused, for instance `ValidatingAdmissionPolicy "x"`; "" with a kind that has no name for it.
	By string
	// User is who the API server took us for, if it says.
	User string
	// Right is what is missing with the kind Rule, as far as the API server says.
	Right authorizationv1.ResourceAttributes

	notes map[metav1.CauseType]string
}

// Of classifies an error of client-go by what the API server says, not by the status code alone: policies and webhooks
// choose theirs.
func Of(err error) Refusal {
	var answer apierrors.APIStatus
	if !errors.As(err, &answer) {
		return Refusal{}
	}
	status := answer.Status()
	r := classify(status)
	r.notes = notesOf(status)
	return r
}

// Conflict tells whether another client wrote first, so that reading and writing again helps. Unlike
// [apierrors.IsConflict] it is false for an admission webhook that denies with the status code 409.
func Conflict(err error) bool {
	kind := Of(err).Kind
	return kind == Race || kind == Manager
}
