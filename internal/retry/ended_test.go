// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package retry

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hookstrap/hookstrap/internal/report"
	"github.com/hookstrap/hookstrap/internal/timing"
)

// TestTheEndOfAContextKeepsTheFailure: what was wrong is said, and not that the time was over; an earlier failure is not
// replaced by the last, which may have failed for nothing but the end.
func TestTheEndOfAContextKeepsTheFailure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, err := report.New(report.Options{})
		if err != nil {
			t.Fatal(err)
		}
		cause, end := errors.New("the signer does not answer"), errors.New("the time is over")
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		for _, failure := range []error{cause, end} {
			_, err = Do(ctx, Policy{Report: r, Changed: timing.NewSignal()}, report.TaskRequest,
				func(ctx context.Context) (int, error) {
					<-ctx.Done()
					return 0, failure
				})
			if !errors.Is(err, context.DeadlineExceeded) || !errors.Is(r.Last.Or(nil), cause) {
				t.Errorf("Do = %v, and what is kept is %v, want %v", err, r.Last.Or(nil), cause)
			}
		}
	})
}
