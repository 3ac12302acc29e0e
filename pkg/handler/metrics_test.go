// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package handler

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	admissionv1 "k8s.io/api/admission/v1"
)

func TestMetrics(t *testing.T) {
	registry := prometheus.NewRegistry()
	bad := Violation{Message: "bad"}
	h, err := New(Options{Registerer: registry, Entries: []Entry{
		{Check: says("quiet")},
		{Check: says("exempt", bad), ExemptNamespaces: []string{"shop"}},
		{Check: says("loud", bad), ExemptNamespaces: []string{"attic"}},
		{Check: says("advice", bad), Mode: Warn},
		{Check: says("ledger", bad), Mode: Audit},
		{Check: fails("broken", errors.New("x")), ExemptNamespaces: []string{"shop"}},
	}})
	if err != nil {
		t.Fatal(err)
	}
	attic := webPod()
	attic.Namespace = "attic"
	ask(t.Context(), t, h, createPod(t, webPod())) // denied
	if err := h.SetChecks(Entry{Check: fails("broken", errors.New("x"))}); err != nil {
		t.Fatal(err)
	}
	ask(t.Context(), t, h, createPod(t, attic)) // error
	deletion := createPod(t, webPod())
	deletion.Operation = admissionv1.Delete
	ask(t.Context(), t, h, deletion) // allowed
	strange := createPod(t, webPod())
	strange.Operation = "STRANGE-1234"
	ask(t.Context(), t, h, strange) // allowed
	if w := send(t.Context(), h, "/", []byte("garbage")); w.Code != http.StatusBadRequest {
		t.Fatal(w.Code)
	}

	want := `
# HELP hookstrap_admission_check_decisions_total What each check said: allowed, denied, warned, audited or error.
# TYPE hookstrap_admission_check_decisions_total counter
hookstrap_admission_check_decisions_total{check="advice",decision="warned"} 1
hookstrap_admission_check_decisions_total{check="broken",decision="error"} 1
hookstrap_admission_check_decisions_total{check="ledger",decision="audited"} 1
hookstrap_admission_check_decisions_total{check="loud",decision="denied"} 1
hookstrap_admission_check_decisions_total{check="quiet",decision="allowed"} 1
# HELP hookstrap_admission_requests_total Requests by decision (allowed, denied, error, invalid) and operation.
# TYPE hookstrap_admission_requests_total counter
hookstrap_admission_requests_total{decision="allowed",operation="DELETE"} 1
hookstrap_admission_requests_total{decision="allowed",operation="other"} 1
hookstrap_admission_requests_total{decision="denied",operation="CREATE"} 1
hookstrap_admission_requests_total{decision="error",operation="CREATE"} 1
hookstrap_admission_requests_total{decision="invalid",operation=""} 1
`
	err = testutil.GatherAndCompare(registry, strings.NewReader(want),
		"hookstrap_admission_check_decisions_total", "hookstrap_admission_requests_total")
	if err != nil {
		t.Error(err)
	}
	if n := histogramCount(t, registry); n != 4 {
		t.Errorf("%d durations, want those of the 4 reviews", n)
	}
	problems, err := testutil.GatherAndLint(registry)
	if err != nil || len(problems) > 0 {
		t.Errorf("lint: %v, %v", problems, err)
	}
}

func histogramCount(t *testing.T, registry *prometheus.Registry) uint64 {
	t.Helper()
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() == "hookstrap_admission_duration_seconds" {
			return f.GetMetric()[0].GetHistogram().GetSampleCount()
		}
	}
	t.Fatal("no histogram")
	return 0
}

func TestHandlersShareARegisterer(t *testing.T) {
	registry := prometheus.NewRegistry()
	for range 2 {
		h, err := New(Options{Registerer: registry})
		if err != nil {
			t.Fatal(err)
		}
		ask(t.Context(), t, h, createPod(t, webPod()))
	}
	if n := histogramCount(t, registry); n != 2 {
		t.Errorf("%d durations, want those of both handlers", n)
	}
}

func TestMetricsNameTaken(t *testing.T) {
	registry := prometheus.NewRegistry()
	registry.MustRegister(prometheus.NewGauge(prometheus.GaugeOpts{Name: "hookstrap_admission_requests_total"}))
	_, err := New(Options{Registerer: registry})
	if err == nil || !strings.Contains(err.Error(), "give the handler another Registerer") {
		t.Errorf("got %v", err)
	}
}

func BenchmarkServeHTTP(b *testing.B) {
	h := newHandler(b, Entry{Check: teamLabel}, Entry{Check: anyLabel})
	pod := webPod()
	pod.Labels = map[string]string{"team": "a"}
	req := createPod(b, pod)
	body := raw(b, review{TypeMeta: reviewV1, Request: &req}).Raw
	b.ReportAllocs()
	for b.Loop() {
		if w := send(b.Context(), h, "/validate?timeout=10s", body); w.Code != http.StatusOK {
			data, _ := io.ReadAll(w.Body)
			b.Fatal(string(data))
		}
	}
}
