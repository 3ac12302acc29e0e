// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package authority

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	certificatesv1 "k8s.io/api/certificates/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/tools/cache"
)

func TestOrphaned(t *testing.T) {
	pending := goodDraft(t).object(t)
	ready := approved(pending.DeepCopy())
	foreign := ready.DeepCopy()
	foreign.Spec.Username = "system:serviceaccount:other:hook"
	done := ready.DeepCopy()
	done.Status.Certificate = []byte("x")
	for _, tc := range []struct {
		name string
		obj  *certificatesv1.CertificateSigningRequest
		want bool
	}{
		{"approved", ready, true},
		{"pending", pending, false},
		{"issued", done, false},
		{"denied", withCondition(ready, certificatesv1.CertificateDenied, corev1.ConditionTrue), false},
		{"failed", withCondition(ready, certificatesv1.CertificateFailed, corev1.ConditionTrue), false},
		{"of another authority's requester", foreign, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got := testAuthority(t).orphaned(tc.obj); got != tc.want {
				t.Errorf("orphaned: %t, want %t", got, tc.want)
			}
		})
	}
}

func TestPatience(t *testing.T) {
	obj := approved(goodDraft(t).object(t))
	unstamped := obj.DeepCopy()
	unstamped.Status.Conditions[0].LastUpdateTime = metav1.Time{}
	for _, tc := range []struct {
		name string
		obj  *certificatesv1.CertificateSigningRequest
		now  time.Time
		want time.Duration
	}{
		{"just approved", obj, start(), time.Minute},
		{"approved a while ago", obj, start().Add(40 * time.Second), 20 * time.Second},
		{"approved long ago", obj, start().Add(time.Hour), 0},
		{"approved in the future", obj, start().Add(-time.Hour), time.Minute},
		{"approved at an unknown time", unstamped, start(), time.Minute},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got := patience(tc.obj, time.Minute, tc.now); got != tc.want {
				t.Errorf("patience %s, want %s", got, tc.want)
			}
		})
	}
}

func TestFinal(t *testing.T) {
	requests := schema.GroupResource{Group: "certificates.k8s.io", Resource: "certificatesigningrequests"}
	for _, tc := range []struct {
		err  error
		want bool
	}{
		{&PolicyError{Reason: ReasonKeyNotAllowed}, true},
		{ErrDenied, true},
		{ErrFailed, true},
		{ErrReplaced, true},
		{apierrors.NewNotFound(requests, "x"), true},
		{ErrNoCA, false},
		{ErrCAExpired, false},
		{apierrors.NewServiceUnavailable("later"), false},
		{apierrors.NewForbidden(requests, "x", nil), false},
	} {
		if got := final(fmt.Errorf("wrapped: %w", tc.err)); got != tc.want {
			t.Errorf("final(%v): %t, want %t", tc.err, got, tc.want)
		}
	}
}

func TestSignOrphanLeavesAlone(t *testing.T) {
	a := testAuthority(t)
	store := cache.NewStore(cache.MetaNamespaceKeyFunc)
	pending := goodDraft(t).object(t)
	if err := store.Add(pending); err != nil {
		t.Fatal(err)
	}
	for _, key := range []string{pending.Name, "gone"} {
		if err := a.signOrphan(t.Context(), store, key); err != nil {
			t.Errorf("%s: %v", key, err)
		}
	}
	// The same request, approved: now it is for us, and only the CA is missing.
	if err := store.Update(approved(pending.DeepCopy())); err != nil {
		t.Fatal(err)
	}
	if err := a.signOrphan(t.Context(), store, pending.Name); !errors.Is(err, ErrNoCA) {
		t.Errorf("error %v, want ErrNoCA", err)
	}
}

// TestLoopBacksOff wants longer and longer pauses between failures, no longer than the cap, and a fresh start after a
// success.
func TestLoopBacksOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		var calls []time.Time
		work := newLoop("test")
		work.handle = func(context.Context, string) error {
			calls = append(calls, time.Now())
			if len(calls) == 15 {
				cancel()
			}
			return errors.New("still down")
		}
		work.queue.Add("key")
		for ctx.Err() == nil {
			work.next(ctx)
		}
		work.queue.ShutDown()
		first, last := calls[1].Sub(calls[0]), calls[14].Sub(calls[13])
		if first < minBackoff || first > 2*minBackoff {
			t.Errorf("first pause %s, want about %s", first, minBackoff)
		}
		if limit := time.Duration(float64(maxBackoff) * (1 + backoffJitter)); last < maxBackoff || last > limit {
			t.Errorf("last pause %s, want from %s to %s", last, maxBackoff, limit)
		}
		if got := work.failures.NumRequeues("key"); got != 0 {
			t.Errorf("%d failures are remembered after the end", got)
		}
	})
}

func TestLoopForgetsAfterSuccess(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		work := newLoop("test")
		defer work.queue.ShutDown()
		outcome := errors.New("once")
		work.handle = func(context.Context, string) error { return outcome }
		work.queue.Add("key")
		work.next(t.Context())
		if got := work.failures.NumRequeues("key"); got != 1 {
			t.Fatalf("%d failures remembered, want 1", got)
		}
		outcome = nil
		work.next(t.Context())
		if got := work.failures.NumRequeues("key"); got != 0 {
			t.Errorf("%d failures remembered after a success", got)
		}
	})
}
