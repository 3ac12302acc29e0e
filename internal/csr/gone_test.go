// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package csr

import (
	"context"
	"testing"
	"time"

	certificatesv1 "k8s.io/api/certificates/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/watch"
	certificatesclient "k8s.io/client-go/kubernetes/typed/certificates/v1"

	"github.com/hookstrap/hookstrap/internal/signer"
)

// gone is an API server that has no requests, and does not stream lists.
type gone struct {
	certificatesclient.CertificateSigningRequestInterface
}

func (gone) List(context.Context, metav1.ListOptions) (*certificatesv1.CertificateSigningRequestList, error) {
	return &certificatesv1.CertificateSigningRequestList{ListMeta: metav1.ListMeta{ResourceVersion: "1"}}, nil
}

func (gone) Watch(_ context.Context, options metav1.ListOptions) (watch.Interface, error) {
	if options.SendInitialEvents != nil {
		return nil, apierrors.NewInvalid(schema.GroupKind{}, "watch", nil)
	}
	return watch.NewFake(), nil
}

// TestARequestThatIsGoneBeforeTheWatch was deleted: there will be no event of that. The time is that of the machine, for
// a watch has a channel which keeps the clock of a synctest bubble from moving.
func TestARequestThatIsGoneBeforeTheWatch(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	w := &Attempt{
		requester: &Requester{Client: gone{}}, requested: mustRequest(t, testSpec(t, signer.BuiltIn)).object,
		spec: testSpec(t, signer.BuiltIn), begun: time.Now(),
	}
	_, err := w.watch(ctx)
	if outcome, _ := OutcomeOf(err); outcome != Deleted {
		t.Errorf("%v, want that the request was deleted", err)
	}
}

// lagging is an API server that does not stream lists, and whose memory does not have yet what was created just now: a
// list of version "0" lacks it, any other has it, and has the certificate.
type lagging struct {
	gone
	stored *certificatesv1.CertificateSigningRequest
}

func (l lagging) List(
	ctx context.Context, options metav1.ListOptions,
) (*certificatesv1.CertificateSigningRequestList, error) {
	list, err := l.gone.List(ctx, options)
	if options.ResourceVersion != "0" {
		list.Items = append(list.Items, *l.stored)
	}
	return list, err
}

// TestARequestThatTheAPIServerHasNotInItsMemoryYet was not deleted, and its key is not given up.
func TestARequestThatTheAPIServerHasNotInItsMemoryYet(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	requested := mustRequest(t, testSpec(t, signer.BuiltIn)).object
	stored := requested.DeepCopy()
	stored.Status.Conditions = []certificatesv1.CertificateSigningRequestCondition{
		{Type: certificatesv1.CertificateApproved, Status: corev1.ConditionTrue},
	}
	stored.Status.Certificate = []byte("issued")
	w := &Attempt{
		requester: &Requester{Client: lagging{stored: stored}}, requested: requested,
		spec: testSpec(t, signer.BuiltIn), begun: time.Now(),
	}
	if certificate, err := w.watch(ctx); err != nil || string(certificate) != "issued" {
		t.Errorf("got %q and %v, want the certificate of the request", certificate, err)
	}
}
