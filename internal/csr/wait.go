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

// wait follows one request until it is answered.
type wait struct {
	requester *Requester
	spec      Spec
	requested *certificatesv1.CertificateSigningRequest
	begun     time.Time
	// last is where the request was last seen to stand.
	last Outcome
	// synced is true once the API server has answered the watch.
	synced bool
}

// look judges one state of the object. Both results are nil when there is still something to wait for.
func (w *wait) look(ctx context.Context, obj *certificatesv1.CertificateSigningRequest) ([]byte, error) {
	if err := w.requester.unaltered(w.requested, obj); err != nil {
		return nil, err
	}
	before := w.last
	outcome, condition := standing(obj)
	w.last = outcome
	if outcome == NotIssued && before == Pending {
		w.requester.observe(PhaseApproved, w.begun, "csr", obj.Name, "by", ApproveExternal)
	}
	if outcome == NotIssued && w.requester.Sign != nil {
		signed, err := w.requester.Sign(ctx, obj)
		if err != nil {
			return nil, err
		}
		outcome, condition = standing(signed)
		obj = signed
	}
	switch outcome {
	case "":
		w.requester.observe(PhaseIssued, w.begun, "csr", obj.Name)
		return obj.Status.Certificate, nil
	case Denied, Failed:
		failure := w.failure(outcome, nil)
		failure.Reason, failure.Message = condition.Reason, condition.Message
		return nil, failure
	default:
		return nil, nil
	}
}

// watch follows the object until it is answered or gone. The watch survives dropped connections and API server
// restarts, and lists again when it missed something.
func (w *wait) watch(ctx context.Context) ([]byte, error) {
	ctx, cancel := context.WithCancel(ctx)
	var running sync.WaitGroup
	defer running.Wait()
	defer cancel()
	changed := timing.NewSignal()
	store := relist.NewNotifying(changed.Set)
	running.Go(func() {
		relist.Run(ctx, relist.Options{
			Name: fmt.Sprintf("CertificateSigningRequest %q", w.requested.Name), ListerWatcher: w.listWatch(ctx),
			Object: &certificatesv1.CertificateSigningRequest{}, Store: store,
			Failed: timing.Once(func(err error) {
				klog.FromContext(ctx).Error(err, "Cannot watch the request, will try again")
			}),
		})
	})
	ticker := time.NewTicker(cmp.Or(w.requester.Patience, defaultPatience))
	defer ticker.Stop()
	for {
		select {
		case <-changed:
			w.synced = true
			if certificate, err := w.lookIn(ctx, store); certificate != nil || err != nil {
				return certificate, err
			}
		case <-ticker.C:
			if w.requester.Waiting != nil {
				w.requester.Waiting(w.failure(w.unanswered(), nil))
			}
		case <-ctx.Done():
			return nil, w.ended(ctx)
		}
	}
}

// lookIn is look at the one object in the store.
func (w *wait) lookIn(ctx context.Context, store cache.Store) ([]byte, error) {
	for _, obj := range store.List() {
		if request, isRequest := obj.(*certificatesv1.CertificateSigningRequest); isRequest {
			return w.look(ctx, request)
		}
	}
	return nil, w.failure(Deleted, nil)
}

func (w *wait) listWatch(ctx context.Context) cache.ListerWatcher {
	client := w.requester.Client
	selector := follow.ByName(w.requested.Name).String()
	return &cache.ListWatch{
		ListWithContextFunc: func(_ context.Context, options metav1.ListOptions) (runtime.Object, error) {
			options.FieldSelector = selector
			return client.List(ctx, options)
		},
		WatchFuncWithContext: func(_ context.Context, options metav1.ListOptions) (watch.Interface, error) {
			options.FieldSelector = selector
			return client.Watch(ctx, options)
		},
	}
}

// ended is the error of a wait whose context is over.
func (w *wait) ended(ctx context.Context) error {
	if err := ctx.Err(); errors.Is(err, context.DeadlineExceeded) {
		return w.failure(w.unanswered(), err)
	}
	return fmt.Errorf("waiting for CertificateSigningRequest %q was ended by %w: its key is gone, so that it may be "+
		"deleted (kubectl delete csr %s)", w.requested.Name, &interruption{context.Cause(ctx), ctx.Err()}, w.requested.Name)
}

// interruption is the end of a context in the words of its cause, a signal for instance. Callers find the context's own
// error in it too: that is how they tell an end that was wanted from a failure.
type interruption struct{ cause, err error }

func (i *interruption) Error() string   { return i.cause.Error() }
func (i *interruption) Unwrap() []error { return []error{i.cause, i.err} }

// unanswered is where the request stands as far as is known.
func (w *wait) unanswered() Outcome {
	if !w.synced {
		return TimedOut
	}
	return w.last
}

func (w *wait) failure(outcome Outcome, cause error) *OutcomeError {
	return &OutcomeError{
		Outcome: outcome,
		Name:    w.requested.Name,
		Signer:  w.requested.Spec.SignerName,
		Waited:  time.Since(w.begun),
		Hint:    w.spec.Profile.Hint(),
		Err:     cause,
	}
}
