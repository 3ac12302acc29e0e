// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	certificatesv1 "k8s.io/api/certificates/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/client-go/kubernetes"
	"k8s.io/klog/v2"

	"github.com/hookstrap/hookstrap/internal/csr"
	"github.com/hookstrap/hookstrap/internal/identity"
	"github.com/hookstrap/hookstrap/internal/signer"
	"github.com/hookstrap/hookstrap/test/e2e/cluster/clustertest"
	"github.com/hookstrap/hookstrap/test/e2e/site"
)

// unattendedSigner is a signer that no process answers for, so that the tests do.
const unattendedSigner = "example.com/unattended"

// outcomes runs one request for a certificate and lets a test play approver and signer.
type outcomes struct {
	requester *csr.Requester
	spec      csr.Spec
	admin     kubernetes.Interface
	namespace string

	mu      sync.Mutex
	waiting []csr.Outcome
}

func newOutcomes(t *testing.T, signerName string) *outcomes {
	t.Helper()
	admin := mustClient(t, shared.Config())
	o := &outcomes{admin: admin, namespace: clustertest.Namespace(t, shared)}
	profile, err := signer.Lookup(signerName)
	must(t, err)
	id, err := identity.New(identity.Inputs{Service: "web", Namespace: o.namespace, PodName: "web-0"})
	must(t, err)
	o.spec = csr.Spec{Identity: id, Profile: profile, Duration: time.Hour}
	o.requester = &csr.Requester{
		Client:   admin.CertificatesV1().CertificateSigningRequests(),
		Approval: csr.ApproveExternal,
		Patience: 10 * time.Millisecond,
		Waiting: func(err *csr.OutcomeError) {
			o.mu.Lock()
			defer o.mu.Unlock()
			o.waiting = append(o.waiting, err.Outcome)
		},
	}
	return o
}

// obtain runs the request; play is called with its object as soon as it exists.
func (o *outcomes) obtain(t *testing.T, play func(ctx context.Context, obj *certificatesv1.CertificateSigningRequest) error) (*csr.Issued, error) {
	t.Helper()
	ctx := klog.NewContext(t.Context(), site.Logger(t))
	var playing sync.WaitGroup
	playing.Go(func() { answer(t, o, play) })
	defer playing.Wait()
	return o.requester.Obtain(ctx, o.spec)
}

// answer plays as soon as there is an object to play with, and again until play has nothing to complain of.
func answer(t *testing.T, o *outcomes, play func(context.Context, *certificatesv1.CertificateSigningRequest) error) {
	t.Helper()
	clustertest.Eventually(t, func(ctx context.Context) error {
		obj, err := o.find(ctx)
		if err != nil {
			return err
		}
		return play(ctx, obj)
	})
}

// find returns the request's object by its label.
func (o *outcomes) find(ctx context.Context) (*certificatesv1.CertificateSigningRequest, error) {
	selector := labels.SelectorFromSet(labels.Set{csr.LabelNamespace: o.namespace}).String()
	list, err := o.admin.CertificatesV1().CertificateSigningRequests().List(ctx, metav1.ListOptions{LabelSelector: selector})
	if err != nil {
		return nil, err
	}
	if len(list.Items) != 1 {
		return nil, fmt.Errorf("%d requests in namespace %s, want 1", len(list.Items), o.namespace)
	}
	return &list.Items[0], nil
}

func (o *outcomes) hasWaited(want csr.Outcome) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if slices.Contains(o.waiting, want) {
		return nil
	}
	return fmt.Errorf("nobody was told that the request is %s, only %v", want, o.waiting)
}

// condition answers a request as an approver does.
func (o *outcomes) condition(ctx context.Context, obj *certificatesv1.CertificateSigningRequest, kind certificatesv1.RequestConditionType) error {
	obj.Status.Conditions = append(obj.Status.Conditions, certificatesv1.CertificateSigningRequestCondition{
		Type: kind, Status: corev1.ConditionTrue, Reason: "TheReason", Message: "the message"})
	requests := o.admin.CertificatesV1().CertificateSigningRequests()
	update := requests.UpdateStatus
	if kind == certificatesv1.CertificateApproved || kind == certificatesv1.CertificateDenied {
		update = func(ctx context.Context, obj *certificatesv1.CertificateSigningRequest, options metav1.UpdateOptions) (*certificatesv1.CertificateSigningRequest, error) {
			return requests.UpdateApproval(ctx, obj.Name, obj, options)
		}
	}
	_, err := update(ctx, obj, metav1.UpdateOptions{})
	return err
}

func wantOutcome(t *testing.T, err error, want csr.Outcome, says ...string) {
	t.Helper()
	if outcome, ok := csr.OutcomeOf(err); !ok || outcome != want {
		t.Fatalf("outcome %q of error %v, want %q", outcome, err, want)
	}
	for _, part := range says {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("%q does not say %q", err, part)
		}
	}
}

func TestOutcomePending(t *testing.T) {
	t.Parallel()
	o := newOutcomes(t, unattendedSigner)
	o.requester.Timeout = 5 * time.Second
	_, err := o.obtain(t, func(context.Context, *certificatesv1.CertificateSigningRequest) error {
		return o.hasWaited(csr.Pending)
	})
	wantOutcome(t, err, csr.Pending, "kubectl certificate approve")
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%v hides that the deadline passed", err)
	}
}

func TestOutcomeApprovedNotIssued(t *testing.T) {
	t.Parallel()
	o := newOutcomes(t, unattendedSigner)
	o.requester.Timeout = 5 * time.Second
	approved := false
	_, err := o.obtain(t, func(ctx context.Context, obj *certificatesv1.CertificateSigningRequest) error {
		if !approved {
			if err := o.condition(ctx, obj, certificatesv1.CertificateApproved); err != nil {
				return err
			}
			approved = true
		}
		return o.hasWaited(csr.NotIssued)
	})
	wantOutcome(t, err, csr.NotIssued, "example.com")
}

func TestOutcomeDenied(t *testing.T) {
	t.Parallel()
	o := newOutcomes(t, unattendedSigner)
	_, err := o.obtain(t, func(ctx context.Context, obj *certificatesv1.CertificateSigningRequest) error {
		return o.condition(ctx, obj, certificatesv1.CertificateDenied)
	})
	wantOutcome(t, err, csr.Denied, "TheReason", "the message")
}

func TestOutcomeFailed(t *testing.T) {
	t.Parallel()
	o := newOutcomes(t, unattendedSigner)
	_, err := o.obtain(t, func(ctx context.Context, obj *certificatesv1.CertificateSigningRequest) error {
		return o.condition(ctx, obj, certificatesv1.CertificateFailed)
	})
	wantOutcome(t, err, csr.Failed, "TheReason", "the message")
}

func TestOutcomeDeleted(t *testing.T) {
	t.Parallel()
	o := newOutcomes(t, unattendedSigner)
	_, err := o.obtain(t, func(ctx context.Context, obj *certificatesv1.CertificateSigningRequest) error {
		return o.admin.CertificatesV1().CertificateSigningRequests().Delete(ctx, obj.Name, metav1.DeleteOptions{})
	})
	wantOutcome(t, err, csr.Deleted)
}

// TestOutcomeTimedOut gives the requester the right to create and nothing else, so that the API server never says where
// the request stands.
func TestOutcomeTimedOut(t *testing.T) {
	t.Parallel()
	o := newOutcomes(t, unattendedSigner)
	limited := clientAllowed(t, o.namespace, []string{"create"})
	o.requester.Client = limited.CertificatesV1().CertificateSigningRequests()
	o.requester.Timeout = 5 * time.Second
	_, err := o.obtain(t, func(context.Context, *certificatesv1.CertificateSigningRequest) error { return nil })
	wantOutcome(t, err, csr.TimedOut, "get, list and watch")
}

// TestMissingRightsAreNamed: what is forbidden says which RBAC rule to add.
func TestMissingRightsAreNamed(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		verbs []string
		want  string
	}{
		"create":  {verbs: []string{"get"}, want: "verbs: [create]"},
		"approve": {verbs: []string{"create"}, want: "certificatesigningrequests/approval"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := newOutcomes(t, unattendedSigner)
			o.requester.Client = clientAllowed(t, o.namespace, tc.verbs).CertificatesV1().CertificateSigningRequests()
			o.requester.Approval = csr.ApproveSelf
			_, err := o.requester.Obtain(t.Context(), o.spec)
			if err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("error %v does not name the rule: want %q", err, tc.want)
			}
		})
	}
}

// TestKubeletServingIsIssuedByTheRealSigner: kube-controller-manager issues it, and what it issues passes verification.
func TestKubeletServingIsIssuedByTheRealSigner(t *testing.T) {
	t.Parallel()
	o := newOutcomes(t, signer.KubeletServing)
	o.requester.Approval = csr.ApproveSelf
	issued, err := o.requester.Obtain(t.Context(), o.spec)
	must(t, err)
	if got, want := issued.Chain[0].Subject.CommonName, "system:node:web."+o.namespace+".svc"; got != want {
		t.Errorf("CN = %q, want %q", got, want)
	}
}
