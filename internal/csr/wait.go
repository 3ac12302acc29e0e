// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package csr

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	certificatesv1 "k8s.io/api/certificates/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/tools/cache"
	"k8s.io/klog/v2"

	"github.com/hookstrap/hookstrap/internal/follow"
	"github.com/hookstrap/hookstrap/internal/relist"
	"github.com/hookstrap/hookstrap/internal/timing"
)

// defaultPatience is that of a [Requester] which does not say.
const defaultPatience = 10 * time.Second

// look judges one state of the object. Both results are nil when there is still something to wait for.
func (a *Attempt) look(ctx context.Context, obj *certificatesv1.CertificateSigningRequest) ([]byte, error) {
	if err := a.requester.unaltered(a.requested, obj); err != nil {
		return nil, err
	}
	before := a.last
	outcome, condition := standing(obj)
	a.last = outcome
	if outcome == NotIssued && before == Pending {
		a.requester.observe(PhaseApproved, a.begun, "csr", obj.Name, "by", ApproveExternal)
	}
	if outcome == NotIssued && a.requester.Sign != nil {
		signed, err := a.requester.Sign(ctx, obj)
		if err != nil {
			return nil, err
		}
		outcome, condition = standing(signed)
		obj = signed
	}
	switch outcome {
	case "":
		a.requester.observe(PhaseIssued, a.begun, "csr", obj.Name)
		return obj.Status.Certificate, nil
	case Denied, Failed:
		failure := a.failure(outcome, nil)
		failure.Reason, failure.Message = condition.Reason, condition.Message
		return nil, failure
	default:
		return nil, nil
	}
}

// watch follows the object until it is answered or gone. The watch survives dropped connections and API server
// restarts, and lists again when it missed something.
func (a *Attempt) watch(ctx context.Context) ([]byte, error) {
	ctx, cancel := context.WithCancel(ctx)
	var running sync.WaitGroup
	defer running.Wait()
	defer cancel()
	changed := timing.NewSignal()
	store := relist.NewNotifying(changed.Set)
	running.Go(func() {
		relist.Run(ctx, relist.Options{
			Name: fmt.Sprintf("CertificateSigningRequest %q", a.requested.Name), ListerWatcher: a.listWatch(ctx),
			Object: &certificatesv1.CertificateSigningRequest{}, Store: store,
			Failed: timing.Once(func(err error) {
				klog.FromContext(ctx).Error(err, "Cannot watch the request, will try again")
			}),
		})
	})
	ticker := time.NewTicker(cmp.Or(a.requester.Patience, defaultPatience))
	defer ticker.Stop()
	for {
		select {
		case <-changed:
			a.synced = true
			if certificate, err := a.lookIn(ctx, store); certificate != nil || err != nil {
				return certificate, err
			}
		case <-ticker.C:
			if a.requester.Waiting != nil {
				a.requester.Waiting(a.failure(a.unanswered(), nil))
			}
		case <-ctx.Done():
			return nil, a.ended(ctx)
		}
	}
}

// lookIn is look at the one object in the store.
func (a *Attempt) lookIn(ctx context.Context, store cache.Store) ([]byte, error) {
	for _, obj := range store.List() {
		if request, isRequest := obj.(*certificatesv1.CertificateSigningRequest); isRequest {
			return a.look(ctx, request)
		}
	}
	return nil, a.failure(Deleted, nil)
}

// listWatch asks about the one object. Where lists are not streamed, the list is the newest state (version ""), and not
// that of the API server's memory: the object was created a moment ago, and a memory that does not have it yet looks as
// if it were deleted.
func (a *Attempt) listWatch(ctx context.Context) cache.ListerWatcher {
	client := a.requester.Client
	selector := follow.ByName(a.requested.Name).String()
	return &cache.ListWatch{
		ListWithContextFunc: func(_ context.Context, options metav1.ListOptions) (runtime.Object, error) {
			options.FieldSelector, options.ResourceVersion, options.ResourceVersionMatch = selector, "", ""
			return client.List(ctx, options)
		},
		WatchFuncWithContext: func(_ context.Context, options metav1.ListOptions) (watch.Interface, error) {
			options.FieldSelector = selector
			return client.Watch(ctx, options)
		},
	}
}

// ended is the error of a wait whose context is over.
func (a *Attempt) ended(ctx context.Context) error {
	if err := ctx.Err(); errors.Is(err, context.DeadlineExceeded) {
		return a.failure(a.unanswered(), err)
	}
	return fmt.Errorf("waiting for CertificateSigningRequest %q was ended by %w: its key is gone, so that it may be "+
		"deleted (kubectl delete csr %s)", a.requested.Name, &interruption{context.Cause(ctx), ctx.Err()}, a.requested.Name)
}

// interruption is the end of a context in the words of its cause, a signal for instance. Callers find the context's own
// error in it too: that is how they tell an end that was wanted from a failure.
type interruption struct{ cause, err error }

func (i *interruption) Error() string   { return i.cause.Error() }
func (i *interruption) Unwrap() []error { return []error{i.cause, i.err} }

// unanswered is where the request stands as far as is known.
func (a *Attempt) unanswered() Outcome {
	if !a.synced {
		return TimedOut
	}
	return a.last
}

func (a *Attempt) failure(outcome Outcome, cause error) *OutcomeError {
	return &OutcomeError{
		Outcome: outcome,
		Name:    a.requested.Name,
		Signer:  a.requested.Spec.SignerName,
		Waited:  time.Since(a.begun),
		Hint:    a.spec.Profile.Hint(),
		Err:     cause,
	}
}
