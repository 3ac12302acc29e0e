// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package authority

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/runtime/schema"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
)

func TestNewNamesEveryFault(t *testing.T) {
	_, err := New(Options{
		CADuration: time.Hour,
		Policy:     Policy{SignerName: "nodomain", MinDuration: 5 * time.Minute, MaxDuration: 2 * time.Minute},
	})
	if err == nil {
		t.Fatal("no error")
	}
	for _, want := range []string{
		"Client is missing", "Namespace is empty", "Service is empty", "Policy.Requester is empty",
		`Policy.SignerName is wrong: the signer name "nodomain"`,
		"Policy.MinDuration is 5m0s", "Policy.MaxDuration (2m0s) is shorter than Policy.MinDuration (5m0s)",
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("the error does not say %q:\n%v", want, err)
		}
	}
}

func TestNewRefusesShortLivedCA(t *testing.T) {
	a := testAuthority(t)
	_, err := New(Options{
		Client: a.options.Client, Namespace: "shop", Service: "hook", Policy: testPolicy(), CADuration: 24 * time.Hour,
	})
	if err == nil || !strings.Contains(err.Error(), "CADuration (24h0m0s) is shorter than Policy.MaxDuration") {
		t.Errorf("error %v", err)
	}
}

func TestNewDefaults(t *testing.T) {
	a := testAuthority(t)
	if got := a.secret.String(); got != "shop/hookstrap-ca" {
		t.Errorf("Secret %s", got)
	}
	if a.options.CADuration != DefaultCADuration {
		t.Errorf("CA duration %s", a.options.CADuration)
	}
	if !a.Bundle().Empty() {
		t.Error("there is a bundle before Ensure")
	}
}

func TestEnsureWithoutAPIServer(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	err := testAuthority(t).Ensure(ctx)
	if err == nil || !strings.Contains(err.Error(), "reading or writing the CA Secret shop/hookstrap-ca") {
		t.Errorf("error %v", err)
	}
}

func TestExplainSecret(t *testing.T) {
	a := testAuthority(t)
	secrets := schema.GroupResource{Resource: "secrets"}
	for _, tc := range []struct {
		name string
		err  error
		want string
	}{
		{"forbidden", apierrors.NewForbidden(secrets, "hookstrap-ca", errors.New(`User "system:serviceaccount:shop:hook" cannot `+
			`get resource "secrets" in API group "" in the namespace "shop"`)), "resourceNames [hookstrap-ca]"},
		{"quota", apierrors.NewForbidden(secrets, "hookstrap-ca", errors.New("exceeded quota: few, requested: "+
			"count/secrets=1, used: count/secrets=0, limited: count/secrets=0")), `the ResourceQuota "few" is used up`},
		{"immutable", apierrors.NewInvalid(schema.GroupKind{Kind: "Secret"}, "hookstrap-ca", nil), "immutable"},
		{"no namespace", apierrors.NewNotFound(schema.GroupResource{Resource: "namespaces"}, "shop"),
			"create the namespace"},
		{"away", apierrors.NewServiceUnavailable("later"), "reading or writing"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got := a.explainSecret(tc.err)
			if !strings.Contains(got.Error(), tc.want) || !strings.Contains(got.Error(), "shop/hookstrap-ca") {
				t.Errorf("%q does not name the Secret and %q", got, tc.want)
			}
			if apierrors.ReasonForError(got) != apierrors.ReasonForError(tc.err) {
				t.Error("the API server's reason was lost")
			}
		})
	}
}
