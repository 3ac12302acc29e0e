// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package retry

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hookstrap/hookstrap/internal/csr"
	"github.com/hookstrap/hookstrap/internal/report"
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

// TestAFailureIsReportedWhileItIsTriedAgain: readiness can say why there is no certificate yet, and not only at the end.
func TestAFailureIsReportedWhileItIsTriedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		reporter, err := report.New(report.Options{})
		if err != nil {
			t.Fatal(err)
		}
		refused := errors.New("the quota is used up")
		attempts := 0
		got, err := Do(t.Context(), Policy{Report: reporter}, report.TaskCertificate,
			func(context.Context) (string, error) {
				if attempts++; attempts == 1 {
					return "", refused
				}
				if err := reporter.Last.Or(errors.New("nothing is known")); !errors.Is(err, refused) {
					t.Errorf("at the next attempt the last error is %v, want %v", err, refused)
				}
				return "issued", nil
			})
		if got != "issued" || err != nil || attempts != 2 {
			t.Errorf("%q and %v after %d attempts, want issued after 2", got, err, attempts)
		}
	})
}
