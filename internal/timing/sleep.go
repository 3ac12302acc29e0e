// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package timing

import (
	"context"
	"crypto/x509"
	"time"
)

// Sleep blocks for d, or until ctx ends; then it returns ctx's error.
func Sleep(ctx context.Context, d time.Duration) error {
	_, err := SleepOr(ctx, d, nil)
	return err
}

// SleepOr is Sleep, and tells whether something came from enough to end it before.
func SleepOr(ctx context.Context, d time.Duration, enough <-chan struct{}) (early bool, err error) {
	select {
	case <-time.After(d):
		return false, nil
	case <-enough:
		return true, nil
	case <-ctx.Done():
		return false, ctx.Err()
	}
}

// Changes are changes around a certificate: each may or may not demand a new one. The zero value has none.
type Changes struct {
	// Happened gets a value for each change, and Demand reports whether it demands a new certificate.
	Happened <-chan struct{}
	Demand   func() bool
}

// SleepUntil returns nil when due is there by the clock now, when leaf, which is being served, turns out to be from the
// future, when something comes from early, or when a change demands it. The clock may jump, either way and by hours: it
// is asked again after each nap.
func SleepUntil(
	ctx context.Context, due time.Time, leaf *x509.Certificate, now func() time.Time, early <-chan struct{},
	changes Changes,
) error {
	for {
		nap := NapUntil(due, now())
		if nap <= 0 || FromTheFuture(leaf, now()) {
			return ctx.Err()
		}
		select {
		case <-time.After(nap):
		case <-early:
			return nil
		case <-changes.Happened:
			if changes.Demand() {
				return nil
			}
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// Signal tells one goroutine that something has changed. One that is set while another is waiting is the same signal.
type Signal chan struct{}

// NewSignal returns one that is not set.
func NewSignal() Signal { return make(Signal, 1) }

// Set sets it. It does not block.
func (s Signal) Set() {
	select {
	case s <- struct{}{}:
	default:
	}
}

// Take unsets it, and reports whether it was set.
func (s Signal) Take() bool {
	select {
	case <-s:
		return true
	default:
		return false
	}
}
