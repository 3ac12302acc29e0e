// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package refusal

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	authorizationv1 "k8s.io/api/authorization/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

const user = `User "system:serviceaccount:shop:hook" cannot `

// The messages are those of kube-apiserver 1.37.2.
func TestOf(t *testing.T) {
	secrets, requests := schema.GroupResource{Resource: "secrets"}, schema.GroupResource{
		Group: "certificates.k8s.io", Resource: "certificatesigningrequests"}
	forbidden := func(text string) *apierrors.StatusError {
		return apierrors.NewForbidden(requests, "web-x", errors.New(text))
	}
	policy := `ValidatingAdmissionPolicy 'no-requests' with binding 'all' denied request: ask us; ` + user + `get resource "x"`
	terminating := forbidden("unable to create new content in namespace shop because it is being terminated")
	terminating.ErrStatus.Details.Causes = []metav1.StatusCause{{Type: corev1.NamespaceTerminatingCause}}
	owned := apierrors.NewApplyConflict([]metav1.StatusCause{{Type: metav1.CauseTypeFieldManagerConflict}},
		`Apply failed with 1 conflict: conflict with "kubectl" using v1: .webhooks[name="a"].clientConfig.caBundle`)
	for name, tc := range map[string]struct {
		err  error
		want Kind
		by   string
	}{
		"no error of the API server": {err: context.DeadlineExceeded},
		"token":                      {err: apierrors.NewUnauthorized("Unauthorized"), want: Credentials},
		"no token": {err: forbidden(`User "system:anonymous" cannot get resource "services" in API group "" in the ` +
			`namespace "shop"`), want: Credentials},
		"rule in a namespace": {err: forbidden(user + `get resource "services" in API group "" in the namespace "shop"`),
			want: Rule},
		"rule of the cluster": {err: forbidden(user + `create resource "certificatesigningrequests" in API group ` +
			`"certificates.k8s.io" at the cluster scope`), want: Rule},
		"rule without a name": {err: apierrors.NewForbidden(secrets, "", errors.New(user+`create resource "secrets" in API `+
			`group "" in the namespace "shop": RBAC: role.rbac.authorization.k8s.io "hook" not found`)), want: Rule},
		"approve": {err: forbidden(`user not permitted to approve requests with signerName "example.com/a"`), want: Rule},
		"attest":  {err: forbidden(`user not permitted to attest for signerName "example.com/a"`), want: Rule},
		"quota": {err: forbidden("exceeded quota: none, requested: count/secrets=1, used: count/secrets=0, limited: " +
			"count/secrets=0"), want: Quota, by: `"none"`},
		"policy":          {err: forbidden(policy), want: Policy, by: `"no-requests" (binding "all")`},
		"policy, Invalid": {err: withReason(forbidden(policy), metav1.StatusReasonInvalid, 422), want: Policy, by: `"no-requests"`},
		"policy, TooLarge": {err: withReason(forbidden(policy), metav1.StatusReasonRequestEntityTooLarge, 413), want: Policy,
			by: `"no-requests"`},
		"webhook":             {err: webhookDenial("", 400), want: Webhook, by: `"deny.example.com"`},
		"webhook, a conflict": {err: webhookDenial(metav1.StatusReasonConflict, 409), want: Webhook, by: `"deny.example.com"`},
		"terminating":         {err: terminating, want: Terminating},
		"another plugin":      {err: forbidden("not yet ready to handle request"), want: Plugin},
		"no kind":             {err: apierrors.NewGenericServerResponse(404, "get", requests, "x", "", 0, true), want: NoKind},
		"no namespace":        {err: apierrors.NewNotFound(schema.GroupResource{Resource: "namespaces"}, "shop"), want: NoNamespace},
		"no object":           {err: apierrors.NewNotFound(secrets, "hook-ca"), want: NoObject},
		"field manager":       {err: owned, want: Manager, by: `"kubectl"`},
		"race":                {err: apierrors.NewConflict(secrets, "hook-ca", errors.New("modified")), want: Race},
		"exists":              {err: apierrors.NewAlreadyExists(secrets, "hook-ca"), want: Race},
		"invalid":             {err: apierrors.NewInvalid(schema.GroupKind{Kind: "Secret"}, "hook-ca", nil), want: Invalid},
		"overloaded":          {err: apierrors.NewTooManyRequests("later", 1)},
	} {
		t.Run(name, func(t *testing.T) {
			got := Of(fmt.Errorf("doing it: %w", tc.err))
			if got.Kind != tc.want || !strings.Contains(got.By, tc.by) {
				t.Errorf("%v: got %q by %s, want %q by %s", tc.err, got.Kind, got.By, tc.want, tc.by)
			}
			advice := Advice(tc.err, "grant it")
			if granting := strings.Contains(advice, "grant it"); granting != (tc.want == Rule) {
				t.Errorf("the advice for %q is %q", tc.want, advice)
			}
			if !strings.Contains(advice, tc.by) {
				t.Errorf("the advice %q does not say who refused", advice)
			}
		})
	}
}

func withReason(err *apierrors.StatusError, reason metav1.StatusReason, code int32) error {
	err.ErrStatus.Reason, err.ErrStatus.Code = reason, code
	return err
}

func webhookDenial(reason metav1.StatusReason, code int32) error {
	return &apierrors.StatusError{ErrStatus: metav1.Status{Status: metav1.StatusFailure, Reason: reason, Code: code,
		Message: `admission webhook "deny.example.com" denied the request: secrets "x" is forbidden: ` + user + `get resource "x" in ` +
			`API group "" at the cluster scope`}}
}

func TestRightThatWasRefused(t *testing.T) {
	gr := schema.GroupResource{Group: "certificates.k8s.io", Resource: "certificatesigningrequests"}
	for text, want := range map[string]authorizationv1.ResourceAttributes{
		user + `update resource "certificatesigningrequests/approval" in API group "certificates.k8s.io" at the cluster scope`: {
			Verb: "update", Group: gr.Group, Resource: gr.Resource, Subresource: "approval", Name: "web-x"},
		user + `get resource "secrets" in API group "" in the namespace "shop"`: {
			Verb: "get", Resource: "secrets", Namespace: "shop", Name: "web-x"},
		`user not permitted to sign requests with signerName "example.com/a"`: {
			Verb: "sign", Group: gr.Group, Resource: "signers", Name: "example.com/a"},
	} {
		if got := Of(apierrors.NewForbidden(gr, "web-x", errors.New(text))).Right; got != want {
			t.Errorf("%s:\ngot  %+v\nwant %+v", text, got, want)
		}
	}
}

// TestConflict: a webhook that denies with 409 is no writer to be outrun.
func TestConflict(t *testing.T) {
	race := apierrors.NewConflict(schema.GroupResource{Resource: "secrets"}, "x", errors.New("modified"))
	if !Conflict(race) || Conflict(webhookDenial(metav1.StatusReasonConflict, 409)) || Conflict(nil) {
		t.Error("a race is not told from a denial")
	}
}
