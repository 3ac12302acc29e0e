// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package lifecycle_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/hookstrap/hookstrap/internal/lifecycle"
)

func TestWaitForFirst(t *testing.T) {
	for name, tc := range map[string]struct {
		readyAfter, want time.Duration
	}{
		"ready":         {0, 0},
		"ready soon":    {300 * time.Millisecond, 300 * time.Millisecond},
		"not ready yet": {time.Hour, 700 * time.Millisecond},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ready := make(chan struct{})
				handler := lifecycle.WaitForFirst(ready, lifecycle.HealthzHandler())
				go func() {
					<-time.After(tc.readyAfter)
					close(ready)
				}()
				synctest.Wait()
				began := time.Now()
				if status, _ := probe(t, handler, "/readyz"); status != 200 {
					t.Errorf("status %d, want that of the next handler", status)
				}
				if took := time.Since(began); took != tc.want {
					t.Errorf("answered after %s, want %s", took, tc.want)
				}
				<-ready
			})
		})
	}
}
