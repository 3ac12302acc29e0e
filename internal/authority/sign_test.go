// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package authority

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	certificatesv1 "k8s.io/api/certificates/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

func withCondition(
	obj *certificatesv1.CertificateSigningRequest, kind certificatesv1.RequestConditionType, status corev1.ConditionStatus,
) *certificatesv1.CertificateSigningRequest {
	obj = obj.DeepCopy()
	obj.Status.Conditions = append(obj.Status.Conditions, certificatesv1.CertificateSigningRequestCondition{
		Type: kind, Status: status, Reason: "Because", Message: "of it",
	})
	return obj
}

func TestStanding(t *testing.T) {
	pending := goodDraft(t).object(t)
	ready := approved(pending.DeepCopy())
	foreign := ready.DeepCopy()
	foreign.Spec.SignerName = "kubernetes.io/kubelet-serving"
	for _, tc := range []struct {
		name string
		obj  *certificatesv1.CertificateSigningRequest
		want error
	}{
		{"pending", pending, ErrNotApproved},
		{"approved", ready, nil},
		{"approved in name only", withCondition(pending, certificatesv1.CertificateApproved, corev1.ConditionFalse),
			ErrNotApproved},
		{"denied", withCondition(pending, certificatesv1.CertificateDenied, corev1.ConditionTrue), ErrDenied},
		{"approved and denied", withCondition(ready, certificatesv1.CertificateDenied, corev1.ConditionTrue), ErrDenied},
		{"approved and failed", withCondition(ready, certificatesv1.CertificateFailed, corev1.ConditionTrue), ErrFailed},
		{"for another signer", foreign, ErrOtherSigner},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got := standing(tc.obj, SignerName); !errors.Is(got, tc.want) {
				t.Errorf("standing: %v, want %v", got, tc.want)
			}
		})
	}
}

// TestSignAsksNobody covers what Sign settles without a request: the client of testAuthority reaches no API server.
func TestSignAsksNobody(t *testing.T) {
	pending := goodDraft(t).object(t)
	ready := approved(pending.DeepCopy())
	for _, tc := range []struct {
		name string
		obj  *certificatesv1.CertificateSigningRequest
		want error
	}{
		{"not approved", pending, ErrNotApproved},
		{"denied", withCondition(ready, certificatesv1.CertificateDenied, corev1.ConditionTrue), ErrDenied},
		{"no CA yet", ready, ErrNoCA},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if _, err := testAuthority(t).Sign(t.Context(), tc.obj); !errors.Is(err, tc.want) {
				t.Errorf("Sign: %v, want %v", err, tc.want)
			}
		})
	}
	t.Run("issued", func(t *testing.T) {
		done := ready.DeepCopy()
		done.Status.Certificate = []byte("of another replica")
		if got := must(testAuthority(t).Sign(t.Context(), done))(t); got != done {
			t.Error("another object came back")
		}
	})
	t.Run("issued by another signer", func(t *testing.T) {
		done := ready.DeepCopy()
		done.Spec.SignerName, done.Status.Certificate = "example.com/other", []byte("x")
		if _, err := testAuthority(t).Sign(t.Context(), done); !errors.Is(err, ErrOtherSigner) {
			t.Errorf("Sign: %v, want ErrOtherSigner", err)
		}
	})
}

func TestAnswerIssues(t *testing.T) {
	a, ca := testAuthority(t), testState(t)
	a.current.Store(ca)
	obj := approved(goodDraft(t).object(t))
	before := obj.DeepCopy()

	answer, refusal, err := a.answer(obj)
	if err != nil || refusal != nil {
		t.Fatalf("refusal %v, error %v", refusal, err)
	}
	if !issued(answer) || len(answer.Status.Conditions) != 1 {
		t.Errorf("status %+v", answer.Status)
	}
	if diff := cmp.Diff(before, obj); diff != "" {
		t.Errorf("the given object was modified:\n%s", diff)
	}
}

func TestAnswerRefuses(t *testing.T) {
	d := goodDraft(t)
	d.template.DNSNames = append(d.template.DNSNames, "kubernetes.default.svc")
	obj := approved(d.object(t))
	answer, refusal, err := testAuthority(t).answer(obj)
	if err != nil {
		t.Fatal(err)
	}
	broken := (*PolicyError)(nil)
	ok := errors.As(refusal, &broken)
	if !ok || broken.Reason != ReasonDNSNameNotAllowed {
		t.Fatalf("refusal %v", refusal)
	}
	want := certificatesv1.CertificateSigningRequestCondition{
		Type: certificatesv1.CertificateFailed, Status: corev1.ConditionTrue, Reason: broken.Reason,
		Message: broken.Message, LastUpdateTime: metav1.NewTime(start()),
	}
	if diff := cmp.Diff(want, *condition(answer, certificatesv1.CertificateFailed)); diff != "" {
		t.Errorf("condition (-want +got):\n%s", diff)
	}
	if issued(answer) {
		t.Error("a refused request got a certificate")
	}
}

func TestAnswerWithExpiredCA(t *testing.T) {
	a := testAuthority(t)
	a.current.Store(testState(t))
	a.options.Now = func() time.Time { return start().Add(DefaultCADuration) }
	answer, refusal, err := a.answer(approved(goodDraft(t).object(t)))
	if !errors.Is(err, ErrCAExpired) || refusal != nil || answer != nil {
		t.Errorf("answer %v, refusal %v, error %v; want ErrCAExpired alone", answer, refusal, err)
	}
}

func TestLifetime(t *testing.T) {
	for _, tc := range []struct {
		name  string
		asked int32
		want  time.Duration
	}{
		{"nothing asked for", 0, 24 * time.Hour},
		{"less than the longest", 3600, time.Hour},
		{"more than the longest", 48 * 3600, 24 * time.Hour},
	} {
		t.Run(tc.name, func(t *testing.T) {
			spec := &certificatesv1.CertificateSigningRequestSpec{}
			if tc.asked > 0 {
				spec.ExpirationSeconds = &tc.asked
			}
			if got := (Policy{MaxDuration: 24 * time.Hour}).lifetime(spec); got != tc.want {
				t.Errorf("lifetime %s, want %s", got, tc.want)
			}
		})
	}
}

func TestApprovable(t *testing.T) {
	a, obj := testAuthority(t), goodDraft(t).object(t)
	if err := a.Approvable(obj); err != nil {
		t.Errorf("a good request: %v", err)
	}
	obj.Spec.Username = "system:serviceaccount:evil:hook"
	if err := a.Approvable(obj); err == nil {
		t.Error("a foreign requester's is approvable")
	}
}

func TestExplainStatusNamesTheRules(t *testing.T) {
	forbidden := apierrors.NewForbidden(schema.GroupResource{Resource: "certificatesigningrequests"}, "x",
		errors.New(`user not permitted to sign requests with signerName "webhooks.example.com/serving"`))
	err := explainStatus(forbidden, "webhooks.example.com/serving")
	if !apierrors.IsForbidden(err) || !errors.Is(explainStatus(context.Canceled, SignerName), context.Canceled) {
		t.Error("the cause was lost")
	}
	if !strings.Contains(err.Error(), "resourceNames: [webhooks.example.com/serving], verbs: [sign]") {
		t.Errorf("%v does not name the rule", err)
	}
}

// TestOwnSignerName: under a name of its own, an authority signs the requests for that name and no others.
func TestOwnSignerName(t *testing.T) {
	const name = "webhooks.example.com/serving"
	a, policy := testAuthority(t), testPolicy()
	policy.SignerName = name
	a.SetPolicy(policy)
	own, usual := approved(goodDraft(t).object(t)), approved(goodDraft(t).object(t))
	own.Spec.SignerName = name
	if err := a.Approvable(own); err != nil {
		t.Errorf("a request for %s: %v", name, err)
	}
	if _, err := a.Sign(t.Context(), own); !errors.Is(err, ErrNoCA) { // All that is missing.
		t.Errorf("Sign: %v, want ErrNoCA", err)
	}
	checkReason(t, policy, usual, ReasonWrongSigner)
	if _, err := a.Sign(t.Context(), usual); !errors.Is(err, ErrOtherSigner) {
		t.Errorf("Sign: %v, want ErrOtherSigner", err)
	}
}
