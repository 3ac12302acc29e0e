// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package handler

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	admissionv1 "k8s.io/api/admission/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func TestMetrics(t *testing.T) {
	registry := prometheus.NewRegistry()
	bad := Violation{Message: "bad"}
	h, err := New(Options{Registerer: registry, Entries: []Entry{
		{Check: says("quiet")},
		{Check: says("exempt", bad), Exempt: Exemptions{Namespaces: []string{"shop"}}},
		{Check: says("loud", bad), Exempt: Exemptions{Namespaces: []string{"attic"}}},
		{Check: says("advice", bad), Mode: Warn},
		{Check: says("ledger", bad), Mode: Audit},
		{Check: fails("broken", errors.New("x")), Exempt: Exemptions{Namespaces: []string{"shop"}}},
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
# HELP hookstrap_admission_check_decisions_total What each check said: allowed, denied, warned, audited or error; of a mutation changed as well.
# TYPE hookstrap_admission_check_decisions_total counter
hookstrap_admission_check_decisions_total{check="advice",decision="warned",mode="warn",operation="CREATE",resource="pods"} 1
hookstrap_admission_check_decisions_total{check="broken",decision="error",mode="deny",operation="CREATE",resource="pods"} 1
hookstrap_admission_check_decisions_total{check="ledger",decision="audited",mode="audit",operation="CREATE",resource="pods"} 1
hookstrap_admission_check_decisions_total{check="loud",decision="denied",mode="deny",operation="CREATE",resource="pods"} 1
hookstrap_admission_check_decisions_total{check="quiet",decision="allowed",mode="deny",operation="CREATE",resource="pods"} 1
# HELP hookstrap_admission_exemptions_total Requests that an exemption kept from a check, wholly or in some of its containers, by what exempted them.
# TYPE hookstrap_admission_exemptions_total counter
hookstrap_admission_exemptions_total{by="namespace",check="broken"} 1
hookstrap_admission_exemptions_total{by="namespace",check="exempt"} 1
# HELP hookstrap_admission_requests_total Requests by decision (allowed, denied, error, invalid), operation and resource.
# TYPE hookstrap_admission_requests_total counter
hookstrap_admission_requests_total{decision="allowed",operation="DELETE",resource="pods"} 1
hookstrap_admission_requests_total{decision="allowed",operation="other",resource="pods"} 1
hookstrap_admission_requests_total{decision="denied",operation="CREATE",resource="pods"} 1
hookstrap_admission_requests_total{decision="error",operation="CREATE",resource="pods"} 1
hookstrap_admission_requests_total{decision="invalid",operation="",resource=""} 1
`
	err = testutil.GatherAndCompare(registry, strings.NewReader(want),
		"hookstrap_admission_check_decisions_total", "hookstrap_admission_exemptions_total",
		"hookstrap_admission_requests_total")
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

// Callers can name any resource. They must not make series of it.
func TestResourceLabel(t *testing.T) {
	m, err := newMetrics(nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ group, resource, want string }{
		{"", "pods", "pods"},
		{"apps", "deployments", "deployments.apps"},
		{"networking.k8s.io", "ingresses", "ingresses.networking.k8s.io"},
		{"rbac.authorization.k8s.io", "clusterroles", "clusterroles.rbac.authorization.k8s.io"},
		{"", "endpoints", "endpoints"},
		{"example.com", "pods", "other"},
		{"", "pods1234", "other"},
		{"", "", "other"},
	} {
		req := NewRequest(admissionv1.AdmissionRequest{Resource: metav1.GroupVersionResource{Group: tt.group, Resource: tt.resource}})
		if got := m.resourceLabel(req); got != tt.want {
			t.Errorf("%s of %q is %q, want %q", tt.resource, tt.group, got, tt.want)
		}
	}
	if n := len(m.resources); n > 1000 {
		t.Errorf("%d values of the label", n)
	}
}

// Counters are made by the first caller.
func TestCountersAreSharedByConcurrentRequests(t *testing.T) {
	registry := prometheus.NewRegistry()
	h, err := New(Options{Registerer: registry, Entries: []Entry{{Check: says("quiet")}}})
	if err != nil {
		t.Fatal(err)
	}
	var running sync.WaitGroup
	for range 8 {
		running.Go(func() {
			for range 20 {
				ask(t.Context(), t, h, createPod(t, webPod()))
			}
		})
	}
	running.Wait()
	want := `
# HELP hookstrap_admission_check_decisions_total What each check said: allowed, denied, warned, audited or error; of a mutation changed as well.
# TYPE hookstrap_admission_check_decisions_total counter
hookstrap_admission_check_decisions_total{check="quiet",decision="allowed",mode="deny",operation="CREATE",resource="pods"} 160
`
	if err := testutil.GatherAndCompare(registry, strings.NewReader(want), "hookstrap_admission_check_decisions_total"); err != nil {
		t.Error(err)
	}
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
