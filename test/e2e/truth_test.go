// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/hookstrap/hookstrap/test/e2e/cluster/clustertest"
	"github.com/hookstrap/hookstrap/test/e2e/process"
	"github.com/hookstrap/hookstrap/test/e2e/site"
)

// startWatched runs the real binary, and returns where its probes and its metrics are.
func startWatched(t *testing.T, s *site.Site, flags ...string) (server *process.Server, health, metrics string) {
	t.Helper()
	health, metrics = freeAddress(t), freeAddress(t)
	server = startProcess(t, s, s.Config(t), append(flags, "--health-probe-bind-address="+health,
		"--metrics-bind-address="+metrics)...)
	awaitPhase(t, server, "ready", 1)
	return server, "http://" + health, "http://" + metrics
}

// TestMetricsThatTheDocsPromise: those of the runtime, the process, the build and controller-runtime's webhook server.
func TestMetricsThatTheDocsPromise(t *testing.T) {
	t.Parallel()
	s := site.New(t, shared, site.Options{})
	_, _, metrics := startWatched(t, s)
	awaitAdmission(t, s)
	promised := []string{"\ngo_goroutines ", "\ngo_memstats_heap_inuse_bytes ", "\nhookstrap_build_info{",
		`controller_runtime_webhook_requests_total{code="200",webhook="/validate"}`}
	if runtime.GOOS == "linux" {
		promised = append(promised, "\nprocess_resident_memory_bytes ", "\nprocess_cpu_seconds_total ")
	}
	for _, text := range promised {
		must(t, hasText(t.Context(), metrics+"/metrics", text))
	}
}

// TestPhasesNameTheirPlace: each line about a phase has the place in the source that it is about.
func TestPhasesNameTheirPlace(t *testing.T) {
	t.Parallel()
	s := site.New(t, shared, site.Options{})
	server, _, _ := startWatched(t, s)
	want := map[string]string{
		"identity": "identify.go", "key": "attempt.go", "requested": "requester.go", "approved": "approve.go",
		"issued": "wait.go", "verified": "attempt.go", "served": "rollover.go", "trusted": "announce.go",
		"ready": "announce.go",
	}
	places := map[string]string{}
	for line := range strings.Lines(server.Log()) {
		var entry struct{ Msg, Caller, Phase string }
		if json.Unmarshal([]byte(line), &entry) != nil || entry.Msg != "Bootstrap phase done" {
			continue
		}
		if other := places[entry.Caller]; other != "" && other != entry.Phase {
			t.Errorf("the phases %s and %s are both said to be done at %s", other, entry.Phase, entry.Caller)
		}
		places[entry.Caller] = entry.Phase
		if file, _, _ := strings.Cut(filepath.Base(entry.Caller), ":"); file != want[entry.Phase] {
			t.Errorf("the phase %s is said to be done at %s, want %s", entry.Phase, entry.Caller, want[entry.Phase])
		}
		delete(want, entry.Phase)
	}
	if len(want) > 0 {
		t.Errorf("no lines about the phases %v:\n%s", want, server.Log())
	}
}

// TestRefusedConfigurationIsInReadiness: the last good configuration serves, and the long answer says what is wrong
// with the new one. A path that nothing is served at is in the log.
func TestRefusedConfigurationIsInReadiness(t *testing.T) {
	t.Parallel()
	s := site.New(t, shared, site.Options{})
	config := filepath.Join(t.TempDir(), "checks.yaml")
	write := func(checks string) {
		t.Helper()
		must(t, os.WriteFile(config, []byte(configHead+checks), 0o600))
	}
	write("checks: {imageTag: {mode: deny}}\n")
	server, health, _ := startWatched(t, s, "--config="+config)
	write("checks: {imageTag: {moed: deny}}\n")
	clustertest.Eventually(t, func(ctx context.Context) error {
		return hasText(ctx, health+"/readyz?verbose", "[+]checks ok: the last good configuration stays in use: ")
	})
	if status, body := get(t, health+"/readyz"); status != http.StatusOK || body != "ok" {
		t.Errorf("it is not ready although the last good configuration serves: %d %s", status, body)
	}
	write("checks: {imageTag: {mode: deny}}\n")
	clustertest.Eventually(t, func(ctx context.Context) error {
		return hasText(ctx, health+"/readyz?verbose", "[+]checks ok\n")
	})

	if status, _ := get(t, health+"/health"); status != http.StatusNotFound {
		t.Errorf("an unknown path of the probes is answered with %d", status)
	}
	answer, err := (&http.Client{Transport: &http.Transport{
		TLSClientConfig: direct{site: s, bundle: liveBundle(t, s)}.config(), DisableKeepAlives: true,
	}}).Post("https://"+address(s)+"/nowhere", "application/json", strings.NewReader("{}"))
	must(t, err)
	_ = answer.Body.Close()
	if answer.StatusCode != http.StatusNotFound {
		t.Errorf("an unknown path of the webhook is answered with %s", answer.Status)
	}
	for _, path := range []string{`"path":"/health"`, `"path":"/nowhere"`} {
		clustertest.Eventually(t, func(context.Context) error { // The log comes through a pipe.
			if said := strings.Count(server.Log(), path); said != 1 {
				return fmt.Errorf("%d lines about %s, want 1:\n%s", said, path, server.Log())
			}
			return nil
		})
	}
}
