// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"bytes"
	"errors"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	certificatesv1 "k8s.io/api/certificates/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/hookstrap/hookstrap/internal/authority"
)

func TestAuthoritySigns(t *testing.T) {
	t.Parallel()
	s := newAuthorities(t)
	a := s.ensured(t)
	obj := s.submitApproved(t, s.client(t), s.serverName())
	s.requests.take()
	signed, err := a.Sign(t.Context(), obj)
	must(t, err)
	s.verified(t, a, signed)
	if diff := cmp.Diff([]string{"PUT watch="}, s.requests.take()); diff != "" {
		t.Errorf("requests of Sign (-want +got):\n%s", diff)
	}
	if len(obj.Status.Certificate) > 0 {
		t.Error("the given object was modified")
	}
}

func TestAuthorityRefuses(t *testing.T) {
	t.Parallel()
	s := newAuthorities(t)
	a := s.ensured(t)
	for _, tc := range []struct {
		name   string
		obj    *certificatesv1.CertificateSigningRequest
		reason string
	}{
		{"a foreign requester", s.submitApproved(t, s.Admin, s.serverName()), authority.ReasonRequesterNotAllowed},
		{"a foreign name", s.submitApproved(t, s.client(t), "kubernetes.default.svc"), authority.ReasonDNSNameNotAllowed},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, err := a.Sign(t.Context(), tc.obj)
			if refused, ok := errors.AsType[*authority.PolicyError](err); !ok || refused.Reason != tc.reason {
				t.Errorf("Sign: %v, want a *PolicyError with reason %s", err, tc.reason)
			}
			live, err := s.live(t.Context(), tc.obj.Name)
			must(t, err)
			if got := failure(live); got != tc.reason || len(live.Status.Certificate) > 0 {
				t.Errorf("Failed condition %q, %d bytes of certificate", got, len(live.Status.Certificate))
			}
			if _, err := a.Sign(t.Context(), live); !errors.Is(err, authority.ErrFailed) {
				t.Errorf("Sign once more: %v, want ErrFailed", err)
			}
		})
	}
}

func TestAuthorityReplicasSignOnce(t *testing.T) {
	t.Parallel()
	s := newAuthorities(t)
	obj := s.submitApproved(t, s.client(t), s.serverName())
	results := make([]*certificatesv1.CertificateSigningRequest, 10)
	var group sync.WaitGroup
	for i := range results {
		a := s.ensured(t)
		group.Go(func() {
			signed, err := a.Sign(t.Context(), obj)
			if err != nil {
				t.Errorf("replica %d: %v", i, err)
				return
			}
			results[i] = signed
		})
	}
	group.Wait()
	live, err := s.live(t.Context(), obj.Name)
	must(t, err)
	s.verified(t, s.ensured(t), live)
	for i, signed := range results {
		if signed != nil && !bytes.Equal(signed.Status.Certificate, live.Status.Certificate) {
			t.Errorf("replica %d returned another certificate than the one in the API", i)
		}
	}
}

func TestAuthoritySignVanishedRequest(t *testing.T) {
	t.Parallel()
	s := newAuthorities(t)
	a := s.ensured(t)
	obj := s.submitApproved(t, s.client(t), s.serverName())
	must(t, s.Admin.CertificatesV1().CertificateSigningRequests().Delete(t.Context(), obj.Name, metav1.DeleteOptions{}))
	if _, err := a.Sign(t.Context(), obj); !apierrors.IsNotFound(err) {
		t.Errorf("Sign: %v, want NotFound", err)
	}
}
