// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package retry

import (
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hookstrap/hookstrap/internal/csr"
)

// TestRetryWaitsForTheBeginningOfACertificate: the next attempt is when it can be used, and no sooner than in a second.
func TestRetryWaitsForTheBeginningOfACertificate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for from, want := range map[time.Duration]time.Duration{
			3 * time.Minute: 2 * time.Minute, time.Minute: time.Second, -time.Hour: time.Second,
		} {
			err := fmt.Errorf("refused: %w", &csr.NotValidYetError{From: time.Now().Add(from), Now: time.Now()})
			if got := untilUsable(err); got != want {
				t.Errorf("begins in %s: waits %s, want %s", from, got, want)
			}
		}
		if got := untilUsable(errors.New("another one")); got < 24*time.Hour {
			t.Errorf("another failure has to be tried again after %s", got)
		}
	})
}
