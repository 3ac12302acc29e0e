// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package poll

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestUntilReturnsAsSoonAsItHolds(t *testing.T) {
	tests := map[string]struct {
		failures int
		want     time.Duration
	}{
		"at once":              {failures: 0, want: 0},
		"after three failures": {failures: 3, want: 3 * interval},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				began, calls := time.Now(), 0
				err := Until(t.Context(), func(context.Context) error {
					if calls++; calls <= tt.failures {
						return errors.New("not yet")
					}
					return nil
				})
				if err != nil {
					t.Fatal(err)
				}
				if took := time.Since(began); took != tt.want {
					t.Errorf("took %s, want %s", took, tt.want)
				}
			})
		})
	}
}

func TestUntilGivesUpWithTheLastAnswerAndTheCause(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cause, answer := errors.New("the component ended"), errors.New("no such ConfigMap")
		ctx, cancel := context.WithTimeoutCause(t.Context(), time.Second, cause)
		defer cancel()
		began := time.Now()
		err := Until(ctx, func(context.Context) error { return answer })
		if !errors.Is(err, cause) || !errors.Is(err, answer) {
			t.Errorf("error %v, want both %q and %q in it", err, cause, answer)
		}
		if took := time.Since(began); took != time.Second {
			t.Errorf("gave up after %s, want the timeout of 1s", took)
		}
	})
}

// A request that the end of ctx cuts short says nothing about the cluster; the answer before it does.
func TestUntilKeepsTheAnswerBeforeTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		calls := 0
		err := Until(ctx, func(ctx context.Context) error {
			if calls++; calls == 1 {
				return errors.New("pending")
			}
			<-ctx.Done()
			return ctx.Err()
		})
		if err == nil || !strings.HasSuffix(err.Error(), "last: pending") {
			t.Errorf("error %v, want it to end with the last real answer", err)
		}
	})
}
