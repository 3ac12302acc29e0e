// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package csr

import (
	"context"
	"crypto"
	"crypto/x509"
	"errors"
	"fmt"
	"time"

	certificatesv1 "k8s.io/api/certificates/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	certificatesclient "k8s.io/client-go/kubernetes/typed/certificates/v1"

	"github.com/hookstrap/hookstrap/internal/refusal"
)

// Approval says who approves a request.
type Approval string

// The two ways of approval.
const (
	// ApproveSelf: the requester approves its own request, and only that.
	ApproveSelf Approval = "self"
	// ApproveExternal: somebody else does: a person, or an approver controller.
	ApproveExternal Approval = "external"
)

// ParseApproval reads "self" or "external".
func ParseApproval(s string) (Approval, error) {
	switch a := Approval(s); a {
	case ApproveSelf, ApproveExternal:
		return a, nil
	default:
		return "", fmt.Errorf("unknown approval %q: use %s or %s", s, ApproveSelf, ApproveExternal)
	}
}

// Phase names a step of [Requester.Obtain] for [Requester.Observe].
type Phase string

// The steps, in their order.
const (
	PhaseKey       Phase = "key"
	PhaseRequested Phase = "requested"
	PhaseApproved  Phase = "approved"
	PhaseIssued    Phase = "issued"
	PhaseVerified  Phase = "verified"
)

// SignFunc signs an approved request through the API and returns the object as it is afterwards.
type SignFunc func(
	ctx context.Context, obj *certificatesv1.CertificateSigningRequest,
) (*certificatesv1.CertificateSigningRequest, error)

// Requester obtains certificates. Its fields must not change once it is in use; Obtain is then safe for concurrent use.
type Requester struct {
	// Client talks to the certificates.k8s.io/v1 API.
	Client certificatesclient.CertificateSigningRequestInterface
	// Username is who the API server is expected to record as the requester, for instance
	// "system:serviceaccount:NAMESPACE:NAME"; "" does not check it.
	Username string
	// Approval says who approves; the zero value is [ApproveExternal].
	Approval Approval
	// Approvable is asked before an approval of our own is written; nil allows whatever we asked for.
	Approvable func(*certificatesv1.CertificateSigningRequest) error
	// Sign issues the certificate in this process, for a built-in signer; nil waits for the signer to do it.
	Sign SignFunc
	// Timeout bounds one Obtain, 0 waits for as long as the object exists.
	Timeout time.Duration
	// Patience is how long an unanswered request is waited for before Waiting is told, and between two such calls;
	// the default is 10 s.
	Patience time.Duration
	// Waiting is told about a request that is not answered; nil ignores it. It must not block.
	Waiting func(*OutcomeError)
	// Observe is told about every finished step; nil ignores it. It must not block.
	Observe func(phase Phase, took time.Duration, keysAndValues ...any)
}

// Issued is a certificate that has passed [Verify].
type Issued struct {
	// Name is the CertificateSigningRequest it came from.
	Name string
	// Key is its private key.
	Key crypto.Signer
	// Chain is the leaf, then whatever CA certificates the signer sent along.
	Chain []*x509.Certificate
}

// Obtain makes a key, requests a certificate for it and blocks until a verified one is there. It fails with an
// [*OutcomeError] for one of the six outcomes, with the API server's error for a request that was not accepted, or
// with an error of [Verify]; nothing but the CertificateSigningRequest object is left behind then.
func (r *Requester) Obtain(ctx context.Context, spec Spec) (*Issued, error) {
	return r.Begin(spec).Finish(ctx)
}

// create submits the request and checks that what the API server stored is what was sent.
func (r *Requester) create(
	ctx context.Context,
	spec Spec,
	key crypto.Signer,
) (*certificatesv1.CertificateSigningRequest, error) {
	started := time.Now()
	want, err := spec.object(key)
	if err != nil {
		return nil, err
	}
	got, err := r.Client.Create(ctx, want, metav1.CreateOptions{})
	if err != nil {
		return nil, r.explainCreate(ctx, want, time.Since(started), err)
	}
	if err := r.unaltered(want, got); err != nil {
		return nil, err
	}
	r.observe(PhaseRequested, started, "csr", got.Name, "signer", got.Spec.SignerName)
	return got, nil
}

func (r *Requester) explainCreate(
	ctx context.Context, obj *certificatesv1.CertificateSigningRequest, waited time.Duration, err error,
) error {
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return &OutcomeError{Outcome: TimedOut, Name: obj.Name, Signer: obj.Spec.SignerName, Waited: waited, Err: err}
	}
	what := fmt.Sprintf("creating CertificateSigningRequest %q for signer %q", obj.Name, obj.Spec.SignerName)
	return refusal.Explain(what, err, "grant {apiGroups: [certificates.k8s.io], resources: "+
		"[certificatesigningrequests], verbs: [create]}", "")
}

func (r *Requester) observe(phase Phase, started time.Time, keysAndValues ...any) {
	if r.Observe != nil {
		r.Observe(phase, time.Since(started), keysAndValues...)
	}
}
