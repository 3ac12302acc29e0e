// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package authority

import (
	"context"
	"errors"
	"fmt"

	certificatesv1 "k8s.io/api/certificates/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/klog/v2"

	"github.com/hookstrap/hookstrap/internal/refusal"
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
		if uid != "" && obj.UID != uid {
			return nil, fmt.Errorf("%w: submit the request again", ErrReplaced)
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

// Why [Authority.Sign] does not sign a request, apart from the policy.
var (
	// ErrOtherSigner: the request is for another signer, and none of our business.
	ErrOtherSigner = errors.New("it is for another signer")
	// ErrNotApproved: the request is not approved yet.
	ErrNotApproved = errors.New("it is not approved")
	// ErrDenied: an approver has denied the request, which is final.
	ErrDenied = errors.New("it was denied")
	// ErrFailed: a signer has failed the request, which is final.
	ErrFailed = errors.New("it has failed")
	// ErrReplaced: the object was deleted, and another one has its name.
	ErrReplaced = errors.New("it was replaced by another object of its name")
)

// issued tells whether there is a certificate already.
func issued(obj *certificatesv1.CertificateSigningRequest) bool {
	return len(obj.Status.Certificate) > 0
}

// standing returns nil for a request that waits for its signer, which is us under the given name.
func standing(obj *certificatesv1.CertificateSigningRequest, signerName string) error {
	denied := condition(obj, certificatesv1.CertificateDenied)
	failed := condition(obj, certificatesv1.CertificateFailed)
	switch {
	case obj.Spec.SignerName != signerName:
		return fmt.Errorf("%w, %s", ErrOtherSigner, quote(obj.Spec.SignerName))
	case denied != nil:
		return fmt.Errorf("%w (%s: %s)", ErrDenied, denied.Reason, denied.Message)
	case failed != nil:
		return fmt.Errorf("%w (%s: %s)", ErrFailed, failed.Reason, failed.Message)
	case condition(obj, certificatesv1.CertificateApproved) == nil:
		return fmt.Errorf("%w: approve it with kubectl certificate approve %s", ErrNotApproved, obj.Name)
	default:
		return nil
	}
}

func condition(
	obj *certificatesv1.CertificateSigningRequest, kind certificatesv1.RequestConditionType,
) *certificatesv1.CertificateSigningRequestCondition {
	for i := range obj.Status.Conditions {
		if c := &obj.Status.Conditions[i]; c.Type == kind && c.Status == corev1.ConditionTrue {
			return c
		}
	}
	return nil
}

// failedCondition tells the requester, and `kubectl describe csr`, which rule was broken.
func failedCondition(refusal error, now metav1.Time) certificatesv1.CertificateSigningRequestCondition {
	condition := certificatesv1.CertificateSigningRequestCondition{
		Type:           certificatesv1.CertificateFailed,
		Status:         corev1.ConditionTrue,
		Message:        refusal.Error(),
		LastUpdateTime: now,
	}
	if broken := (*PolicyError)(nil); errors.As(refusal, &broken) {
		condition.Reason = broken.Reason
	}
	return condition
}

func explainStatus(err error, signerName string) error {
	return refusal.Explain("writing its status", err, fmt.Sprintf("grant {apiGroups: [certificates.k8s.io], resources: "+
		"[certificatesigningrequests/status], verbs: [update]} and {apiGroups: [certificates.k8s.io], resources: "+
		"[signers], resourceNames: [%s], verbs: [sign]}", signerName), "")
}
