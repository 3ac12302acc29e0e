// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"sync/atomic"
	"testing"
	"time"

	"github.com/hookstrap/hookstrap/test/e2e/process"
)

// TestDenyWhenCleanSurvivesCrashes kills the server before and after it creates the ConfigMap, and before and after it
// writes the next audit: the one that comes then brings it to the same end.
func TestDenyWhenCleanSurvivesCrashes(t *testing.T) {
	for _, at := range cuts([]string{"POST configmaps", "PUT configmaps"}) {
		t.Run(at.String(), func(t *testing.T) {
			t.Parallel()
			c := newCleanSite(t, nil)
			m := &mortal{Site: c.Site, proxy: newProxy(t, shared.Config())}
			var victim atomic.Pointer[process.Server]
			started := make(chan struct{})
			m.proxy.killAt(&victim, started, at)
			victim.Store(m.start(t, false, c.flags("1s")...))
			close(started)
			select {
			case <-victim.Load().Exited():
			case <-time.After(crashPatience):
				t.Fatalf("there was no write %q to be killed at, only %v", at, m.proxy.recorded())
			}
			m.proxy.intervene(nil)
			next := m.start(t, false, c.flags("1s")...)
			c.await(t, next, c.other, true)
			must(t, c.verdict(t.Context(), c.Target, false))
			c.record(t, next, true)
		})
	}
}
