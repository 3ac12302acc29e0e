// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package authority

import (
	"context"
	"fmt"

	certificatesv1 "k8s.io/api/certificates/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/klog/v2"
)

// maxSignAttempts bounds how often a conflicting status is tried again. Who conflicts has usually signed the request,
// which ends it.
const maxSignAttempts = 5

// Sign signs an approved request and returns the object as it is afterwards: status.certificate holds the leaf, then
// the CA. It costs one update of the status, which carries the resourceVersion of obj, so that of several replicas one
// succeeds; the others return what that one has written. A request that has its certificate is returned as it is. The
// given object is not modified.
//
// A request that breaks the policy gets the condition Failed, and the error is a [*PolicyError]. Other errors are
// [ErrOtherSigner], [ErrNotApproved], [ErrDenied], [ErrFailed], [ErrReplaced], [ErrNoCA], [ErrCAExpired], or what the
// API server answered.
func (a *Authority) Sign(
	ctx context.Context, obj *certificatesv1.CertificateSigningRequest,
) (*certificatesv1.CertificateSigningRequest, error) {
	signed, err := a.sign(ctx, obj)
	if err != nil {
		return nil, fmt.Errorf("CertificateSigningRequest %q is not signed: %w", obj.Name, err)
	}
	return signed, nil
}

func (a *Authority) sign(
	ctx context.Context, obj *certificatesv1.CertificateSigningRequest,
) (*certificatesv1.CertificateSigningRequest, error) {
	requests := a.options.Client.CertificatesV1().CertificateSigningRequests()
	uid, signerName := obj.UID, a.policy.Load().signerName()
	for range maxSignAttempts {
		if issued(obj) && obj.Spec.SignerName == signerName {
			return obj, nil
		}
		if err := standing(obj, signerName); err != nil {
			return nil, err
		}
		answer, refusal, err := a.answer(obj)
		if err != nil {
			return nil, err
		}
		written, err := requests.UpdateStatus(ctx, answer, metav1.UpdateOptions{})
		if err == nil {
			return answered(ctx, written, refusal)
		}
		if !lostRace(err) {
			return nil, explainStatus(err, signerName)
		}
		if obj, err = requests.Get(ctx, obj.Name, metav1.GetOptions{}); err != nil {
			return nil, fmt.Errorf("reading it again after a conflict: %w", err)
		}
		if err := same(obj, uid); err != nil {
			return nil, err
		}
	}
	return nil, fmt.Errorf("its status was changed by somebody else %d times in a row: look for a controller that "+
		"keeps writing it", maxSignAttempts)
}

// answer returns the object with its certificate, or with the condition Failed and the violation as refusal. It asks
// nothing of the API server.
func (a *Authority) answer(
	obj *certificatesv1.CertificateSigningRequest,
) (answer *certificatesv1.CertificateSigningRequest, refusal, err error) {
	answer = obj.DeepCopy()
	request, refusal := a.policy.Load().Check(obj)
	if refusal != nil {
		answer.Status.Conditions = append(answer.Status.Conditions, failedCondition(refusal, metav1.NewTime(a.options.Now())))
		return answer, refusal, nil
	}
	current := a.current.Load()
	if current == nil {
		return nil, nil, ErrNoCA
	}
	lifetime := current.grants(a.policy.Load().lifetime(&obj.Spec))
	granted := grant{request: request, usages: obj.Spec.Usages, lifetime: lifetime}
	if answer.Status.Certificate, err = issue(&current.keyPair, granted, a.options.Now()); err != nil {
		return nil, nil, fmt.Errorf("%w (CA Secret %s)", err, a.secret)
	}
	return answer, nil, nil
}

func answered(
	ctx context.Context, obj *certificatesv1.CertificateSigningRequest, refusal error,
) (*certificatesv1.CertificateSigningRequest, error) {
	logger := klog.FromContext(ctx)
	if refusal != nil {
		logger.Info("Refused request", "csr", klog.KObj(obj), "requester", obj.Spec.Username, "violation", refusal.Error())
		return nil, refusal
	}
	logger.V(2).Info("Signed request", "csr", klog.KObj(obj), "requester", obj.Spec.Username)
	return obj, nil
}
