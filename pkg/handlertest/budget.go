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

// UpdatesPass tests that an update which changes nothing is admitted, whatever is wrong with the object: with a check
// that is new, objects that exist can still be labeled, scaled and deleted. Each manifest is an object in YAML or JSON.
// A check fails it that tells of the same violation in other words each time, or that counts on every update.
func UpdatesPass(t testing.TB, h *handler.Handler, manifests ...string) {
	t.Helper()
	for _, manifest := range manifests {
		req, err := requestOf(manifest + "\n---\n" + manifest)
		if err != nil {
			t.Fatalf("%v, in\n%s", err, manifest)
		}
		for _, f := range h.Judge(t.Context(), handler.NewRequest(req)).Findings {
			if f.Refuses {
				t.Errorf("an update that changes nothing is denied by %s: %s, of\n%s", f.Check, f.Text(), manifest)
			}
		}
	}
}
