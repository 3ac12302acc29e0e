// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package handler

import (
	"context"
	"net/http"
	"testing"
	"testing/synctest"
	"time"
)

// TestHalfTheTimeIsForTheChecks: a review that gets no turn is refused while there is time to say so, on a machine so busy
// that the answer takes long to arrive as well.
func TestHalfTheTimeIsForTheChecks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		blocked, goOn := make(chan struct{}), make(chan struct{})
		h := limitedHandler(t, Limits{Concurrent: 1}, checkFunc{"blocks", func(context.Context, *Request) ([]Violation, error) {
			close(blocked)
			<-goOn
			return nil, nil
		}})
		answered := make(chan struct{})
		go func() {
			defer close(answered)
			ask(t.Context(), t, h, createPod(t, webPod()))
		}()
		<-blocked
		start := time.Now()
		got := askAt(t.Context(), t, h, "/validate?timeout=5s", createPod(t, webPod()))
		if got.Allowed || got.Result.Code != http.StatusTooManyRequests {
			t.Errorf("got %v", got.Result)
		}
		if waited := time.Since(start); waited > 2500*time.Millisecond || waited < 2*time.Second {
			t.Errorf("it waited %v of 5 s", waited)
		}
		close(goOn)
		<-answered
	})
}
