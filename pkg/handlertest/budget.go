// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package handlertest

import (
	"testing"
	"time"

	"github.com/hookstrap/hookstrap/pkg/handler"
)

// budgetRuns is how often a request is answered for a budget. Other programs slow some of them down, hardly all.
const budgetRuns = 20

// Within tests that a handler needs no more than a time for a manifest, as for [Expect]: for mutations and checks,
// without TLS and HTTP. The fastest of several runs counts. API servers wait for a webhook ten seconds by default, and
// a user waits as long.
func Within(t testing.TB, h *handler.Handler, budget time.Duration, manifest string) {
	t.Helper()
	var fastest time.Duration
	for i := range budgetRuns {
		req, err := requestOf(manifest)
		if err != nil {
			t.Fatalf("%v, in\n%s", err, manifest)
		}
		begin := time.Now()
		changed, _ := h.Mutate(t.Context(), handler.NewRequest(req))
		h.Judge(t.Context(), changed)
		if took := time.Since(begin); i == 0 || took < fastest {
			fastest = took
		}
	}
	if fastest > budget {
		t.Errorf("the fastest of %d answers took %v, more than %v, for\n%s", budgetRuns, fastest, budget, manifest)
	}
}
