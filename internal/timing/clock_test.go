// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package timing

import (
	"context"
	"crypto/x509"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// jumpyClock is a wall clock that can be set, while timers go on as if nothing had happened.
type jumpyClock struct {
	offset atomic.Int64
	asked  atomic.Int64
}

func (c *jumpyClock) now() time.Time {
	c.asked.Add(1)
	return time.Now().Add(time.Duration(c.offset.Load()))
}

func (c *jumpyClock) jump(d time.Duration) { c.offset.Add(int64(d)) }

// sleeper runs SleepUntil in a bubble, for a leaf that began five minutes ago.
type sleeper struct {
	clock jumpyClock
	early chan struct{}
	began time.Time
	ended chan error
}

func sleepFor(ctx context.Context, wait time.Duration) *sleeper {
	s := &sleeper{early: make(chan struct{}, 1), began: time.Now(), ended: make(chan error, 1)}
	leaf := &x509.Certificate{NotBefore: s.began.Add(-5 * time.Minute)}
	go func() { s.ended <- SleepUntil(ctx, s.began.Add(wait), leaf, s.clock.now, s.early, Changes{}) }()
	return s
}

// after lets d pass in the bubble.
func after(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
}

func (s *sleeper) wantAsleep(t *testing.T) {
	t.Helper()
	select {
	case err := <-s.ended:
		t.Fatalf("it returned %v after %s, although nothing is due", err, time.Since(s.began))
	default:
	}
}

// wantAwake: it returns within one nap from now on.
func (s *sleeper) wantAwake(t *testing.T) {
	t.Helper()
	from := time.Now()
	if err := <-s.ended; err != nil {
		t.Error(err)
	}
	if took := time.Since(from); took > LongestNap {
		t.Errorf("it took %s to notice, want %s at most", took, LongestNap)
	}
}

// wantIdle: it has looked at the clock no more than twice a nap.
func (s *sleeper) wantIdle(t *testing.T) {
	t.Helper()
	naps := int64(time.Since(s.began)/LongestNap) + 2
	if asked := s.clock.asked.Load(); asked > 2*naps {
		t.Errorf("the clock was asked %d times in %s: a busy loop", asked, time.Since(s.began))
	}
}

func TestClockThatJumpsForwardPastDueRenewsAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := sleepFor(t.Context(), 6*time.Hour)
		after(time.Hour)
		s.wantAsleep(t)
		s.clock.jump(7 * time.Hour)
		s.wantAwake(t)
		s.wantIdle(t)
	})
}

func TestClockThatJumpsForwardIsFollowed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := sleepFor(t.Context(), 6*time.Hour)
		after(time.Minute)
		s.clock.jump(5 * time.Hour)
		after(58 * time.Minute)
		s.wantAsleep(t)
		after(2 * time.Minute)
		s.wantAwake(t)
		s.wantIdle(t)
	})
}

// TestClockThatJumpsBack: by less than the backdating, so that the certificate is still good; what is due is due later.
func TestClockThatJumpsBackIsFollowed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := sleepFor(t.Context(), 6*time.Hour)
		after(5 * time.Hour)
		s.clock.jump(-4 * time.Hour)
		after(4 * time.Hour)
		s.wantAsleep(t)
		s.wantIdle(t)
		after(time.Hour)
		s.wantAwake(t)
	})
}

// TestClockThatJumpsBackToBeforeTheCertificate: what was obtained with a clock that was hours ahead is renewed.
func TestClockThatJumpsBackToBeforeTheCertificate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := sleepFor(t.Context(), 6*time.Hour)
		after(time.Hour)
		s.clock.jump(-3 * time.Hour)
		s.wantAwake(t)
		s.wantIdle(t)
	})
}

func TestSleepEndsEarly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := sleepFor(t.Context(), 6*time.Hour)
		s.early <- struct{}{}
		s.wantAwake(t)
		ctx, cancel := context.WithCancel(t.Context())
		s = sleepFor(ctx, 6*time.Hour)
		cancel()
		if err := <-s.ended; !errors.Is(err, context.Canceled) {
			t.Errorf("it returned %v, want the context's error", err)
		}
	})
}

// TestNextRenewalIsNeverAtOnce: whatever the signer's clock says, a certificate that was just obtained is used for a
// while, or else the next one is requested as fast as the API server answers.
func TestNextRenewalIsNeverAtOnce(t *testing.T) {
	now := time.Date(2026, 5, 4, 3, 2, 1, 0, time.UTC)
	for name, tc := range map[string]struct {
		begun, left time.Duration
		from, to    time.Duration
	}{
		"a year less a moment":    {0, 8760 * time.Hour, 6132 * time.Hour, 7884 * time.Hour},
		"the shortest":            {5 * time.Minute, 10 * time.Minute, 330 * time.Second, 510 * time.Second},
		"backdated by an hour":    {time.Hour, 10 * time.Minute, 5 * time.Minute, 5 * time.Minute},
		"a clock behind by hours": {9 * time.Hour, time.Hour, 30 * time.Minute, 30 * time.Minute},
		"a minute left":           {24 * time.Hour, time.Minute, 30 * time.Second, 30 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			leaf := &x509.Certificate{NotBefore: now.Add(-tc.begun), NotAfter: now.Add(tc.left)}
			for random, want := range map[float64]time.Duration{0: tc.from, 1: tc.to} {
				if got := NextRenewal(leaf, random, now).Sub(now).Round(time.Second); got != want {
					t.Errorf("random %g: after %s, want %s", random, got, want)
				}
			}
		})
	}
}
