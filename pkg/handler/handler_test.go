// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package handler

import (
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"sigs.k8s.io/controller-runtime/pkg/webhook"
)

// The handler is what controller-runtime's webhook server takes, over a real connection too.
func TestServedByControllerRuntime(t *testing.T) {
	server := webhook.NewServer(webhook.Options{})
	server.Register("/validate", newHandler(t, Entry{Check: teamLabel}))
	ts := httptest.NewServer(server.WebhookMux())
	defer ts.Close()

	req := createPod(t, webPod())
	body := raw(t, review{TypeMeta: reviewV1, Request: &req}).Raw
	response, err := ts.Client().Post(ts.URL+"/validate?timeout=5s", "application/json", strings.NewReader(string(body)))
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	var text strings.Builder
	if err := response.Write(&text); err != nil {
		t.Fatal(err)
	}
	if response.StatusCode != 200 || !strings.Contains(text.String(), "denied by 1 check: team-label") {
		t.Errorf("got %s", text.String())
	}
}

// Requests come while the checks are exchanged: each is judged by one set or the other.
func TestConcurrentRequests(t *testing.T) {
	h := newHandler(t, Entry{Check: teamLabel})
	req := createPod(t, webPod())
	var group sync.WaitGroup
	for range 4 {
		group.Go(func() {
			for range 25 {
				if got := ask(t.Context(), t, h, req); got.Allowed {
					t.Error("allowed")
				}
			}
		})
	}
	for range 25 {
		if err := h.SetChecks(Entry{Check: anyLabel}, Entry{Check: teamLabel}); err != nil {
			t.Error(err)
		}
	}
	group.Wait()
}

func TestDryRunIsJudgedLikeAnyOther(t *testing.T) {
	h := newHandler(t, Entry{Check: teamLabel})
	req := createPod(t, webPod())
	dry := true
	req.DryRun = &dry
	if got := ask(t.Context(), t, h, req); got.Allowed {
		t.Error("allowed")
	}
}
