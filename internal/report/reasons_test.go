// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package report

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/url"
	"syscall"
	"testing"

	"github.com/hookstrap/hookstrap/internal/trust"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/hookstrap/hookstrap/internal/csr"
)

func TestReasonOf(t *testing.T) {
	secrets := schema.GroupResource{Resource: "secrets"}
	refused := &url.Error{Op: "Get", URL: "https://10.0.0.1", Err: &net.OpError{Op: "dial", Err: syscall.ECONNREFUSED}}
	rule := errors.New(`User "x" cannot get resource "secrets" in API group "" in the namespace "shop"`)
	quota := errors.New("exceeded quota: few, requested: count/secrets=1, used: count/secrets=0, limited: count/secrets=0")
	policy := errors.New("ValidatingAdmissionPolicy 'frozen' with binding 'all' denied request: no")
	for name, tc := range map[string]struct {
		err  error
		want string
	}{
		"denied":            {&csr.OutcomeError{Outcome: csr.Denied}, "Denied"},
		"timed out waiting": {&csr.OutcomeError{Outcome: csr.TimedOut, Err: context.DeadlineExceeded}, "TimedOut"},
		"no CA verifies":    {&trust.UnverifiedError{}, "Unverified"},
		"unknown authority": {x509.UnknownAuthorityError{}, "Unverified"},
		"expired":           {x509.CertificateInvalidError{Reason: x509.Expired}, "Unverified"},
		"another name":      {x509.HostnameError{Certificate: &x509.Certificate{}}, "Unverified"},
		"waiting for trust": {errors.Join(context.DeadlineExceeded, x509.UnknownAuthorityError{}), "Unverified"},
		"deadline":          {context.DeadlineExceeded, "TimedOut"},
		"forbidden":         {apierrors.NewForbidden(secrets, "ca", rule), "Forbidden"},
		"quota":             {apierrors.NewForbidden(secrets, "ca", quota), "Quota"},
		"policy":            {apierrors.NewForbidden(secrets, "ca", policy), "Admission"},
		"unauthorized":      {apierrors.NewUnauthorized("who?"), "Credentials"},
		"not found":         {apierrors.NewNotFound(secrets, "ca"), "NotFound"},
		"conflict":          {apierrors.NewConflict(secrets, "ca", errors.New("first")), "Conflict"},
		"already there":     {apierrors.NewAlreadyExists(secrets, "ca"), "Conflict"},
		"invalid":           {apierrors.NewInvalid(schema.GroupKind{}, "ca", nil), "Invalid"},
		"overloaded":        {apierrors.NewTooManyRequests("later", 1), "Unavailable"},
		"broken":            {apierrors.NewInternalError(errors.New("etcd")), "Unavailable"},
		"expired watch":     {apierrors.NewResourceExpired("old"), "Error"},
		"refused":           {refused, "Unreachable"},
		"no file":           {&fs.PathError{Op: "open", Path: "/ca.crt", Err: fs.ErrNotExist}, "File"},
		"anything else":     {errors.New("else"), "Error"},
	} {
		t.Run(name, func(t *testing.T) {
			if got := reasonOf(fmt.Errorf("doing something: %w", tc.err)); got != tc.want {
				t.Errorf("reason %q, want %q", got, tc.want)
			}
		})
	}
}

func TestTaskOf(t *testing.T) {
	cause := errors.New("cause")
	err := During(TaskRoots, cause)
	if got := taskOf(TaskCertificate, fmt.Errorf("wrapped: %w", err)); got != TaskRoots {
		t.Errorf("task %q, want the one that the error names", got)
	}
	if got := taskOf(TaskCertificate, cause); got != TaskCertificate {
		t.Errorf("task %q of an error that names none", got)
	}
	if err.Error() != cause.Error() || !errors.Is(err, cause) {
		t.Errorf("naming the task turned %q into %q", cause, err)
	}
	if err := During(TaskRoots, nil); err != nil {
		t.Errorf("no error became %v", err)
	}
}
