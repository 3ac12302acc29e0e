// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package authority

import (
	"cmp"
	"context"
	"errors"
	"time"

	certificatesv1 "k8s.io/api/certificates/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/tools/cache"
	"k8s.io/klog/v2"

	"github.com/hookstrap/hookstrap/pkg/internal/relist"
)

// DefaultOrphanDelay is how long a replica is given to sign its own request before the others do.
const DefaultOrphanDelay = 30 * time.Second

// orphanJitter spreads the replicas over that part of the delay: the first to come signs, the others find it done.
const orphanJitter = 0.5

// RunController signs the requests of our requester that were approved and not signed within delay of that, until ctx
// ends; it then returns nil. A delay of 0 means [DefaultOrphanDelay]. Pending requests, and those of other requesters,
// are left alone: the latter may belong to another authority. A request that breaks the policy gets the condition
// Failed, unless all that is wrong with it is an IP address: the Service may have got it a moment ago, and its own
// replica learned of that before us. Such a request is looked at again after the same delay, for as long as it is
// there.
//
// It costs one watch, of the requests for this signer only (field selector spec.signerName). Any number of replicas
// may run it at once.
func (a *Authority) RunController(ctx context.Context, delay time.Duration) error {
	delay = cmp.Or(delay, DefaultOrphanDelay)
	work := newLoop("authority-controller")
	consider := func(obj any) {
		if csr, ok := obj.(*certificatesv1.CertificateSigningRequest); ok && a.orphaned(csr) {
			spread := wait.Jitter(delay, orphanJitter) - delay
			work.queue.AddAfter(csr.Name, patience(csr, delay, a.now())+spread)
		}
	}
	store, informer := cache.NewInformerWithOptions(cache.InformerOptions{
		ListerWatcher: relist.ListerWatcher("the requests for signer "+SignerName, cache.NewListWatchFromClient(
			a.client.CertificatesV1().RESTClient(), "certificatesigningrequests", "",
			fields.OneTermEqualSelector("spec.signerName", SignerName))),
		ObjectType: &certificatesv1.CertificateSigningRequest{},
		Handler: cache.ResourceEventHandlerFuncs{
			AddFunc:    consider,
			UpdateFunc: func(_, obj any) { consider(obj) },
		},
	})
	work.handle = func(ctx context.Context, key string) error {
		err := a.signOrphan(ctx, store, key)
		if errors.Is(err, errLater) {
			work.queue.AddAfter(key, wait.Jitter(delay, orphanJitter))
			return nil
		}
		return err
	}
	work.run(ctx, informer, func() {})
	return nil
}

// orphaned tells whether a request waits for us: approved, not signed, and of our requester.
func (a *Authority) orphaned(csr *certificatesv1.CertificateSigningRequest) bool {
	return csr.Spec.Username == a.policy.Load().Requester && !issued(csr) && standing(csr) == nil
}

// patience is how much longer a replica may take to sign its own request: delay from the approval on. The time of the
// approval is the word of whoever approved, so it can neither lengthen the delay nor make it negative.
func patience(csr *certificatesv1.CertificateSigningRequest, delay time.Duration, now time.Time) time.Duration {
	approved := condition(csr, certificatesv1.CertificateApproved)
	if approved == nil || approved.LastUpdateTime.IsZero() {
		return delay
	}
	return min(max(approved.LastUpdateTime.Add(delay).Sub(now), 0), delay)
}

// signOrphan looks again at what is known now, and signs if that is still needed.
func (a *Authority) signOrphan(ctx context.Context, store cache.Store, key string) error {
	obj, exists, err := store.GetByKey(key)
	if err != nil || !exists {
		return err
	}
	csr, ok := obj.(*certificatesv1.CertificateSigningRequest)
	if !ok || !a.orphaned(csr) {
		return nil
	}
	if refusal := a.Approvable(csr); unknownAddress(refusal) {
		klog.FromContext(ctx).V(2).Info("Leaving a request alone, for its address may be news", "csr", klog.KObj(csr),
			"violation", refusal.Error())
		return errLater
	}
	klog.FromContext(ctx).Info("Signing the request that its own replica has not signed", "csr", klog.KObj(csr))
	if _, err := a.Sign(ctx, csr); err != nil && !final(err) {
		return err
	}
	return nil
}

// errLater says that the request cannot be judged yet.
var errLater = errors.New("to be looked at again")

// unknownAddress tells a request for an address of which we may not have heard yet. It is the last rule of a policy, so
// nothing else is wrong with the request.
func unknownAddress(refusal error) bool {
	broken, ok := errors.AsType[*PolicyError](refusal)
	return ok && broken.Reason == ReasonIPAddressNotAllowed
}

// final tells whether trying again is of no use: the request was answered with a refusal, by us or by somebody else,
// or is gone.
func final(err error) bool {
	if _, ok := errors.AsType[*PolicyError](err); ok {
		return true
	}
	return errors.Is(err, ErrDenied) || errors.Is(err, ErrFailed) || errors.Is(err, ErrReplaced) ||
		apierrors.IsNotFound(err)
}
