// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package command

import (
	"runtime"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	dto "github.com/prometheus/client_model/go"
)

// families are what a registry has, by name.
func families(t *testing.T, r prometheus.Gatherer) map[string]*dto.MetricFamily {
	t.Helper()
	gathered, err := r.Gather()
	if err != nil {
		t.Fatal(err)
	}
	byName := map[string]*dto.MetricFamily{}
	for _, family := range gathered {
		byName[family.GetName()] = family
	}
	return byName
}

// TestProcessMetrics: they are there, once, also where controller-runtime has registered them before.
func TestProcessMetrics(t *testing.T) {
	registry := prometheus.NewRegistry()
	registry.MustRegister(collectors.NewGoCollector(collectors.WithGoCollectorRuntimeMetrics(collectors.MetricsAll)))
	for range 2 {
		if err := registerProcess(registry, "v1.2.3"); err != nil {
			t.Fatal(err)
		}
	}
	have := families(t, registry)
	want := []string{"go_goroutines", "go_info", "hookstrap_build_info"}
	if runtime.GOOS == "linux" {
		want = append(want, "process_cpu_seconds_total", "process_open_fds", "process_resident_memory_bytes")
	}
	for _, name := range want {
		if have[name] == nil {
			t.Errorf("there is no metric %s", name)
		}
	}
	if info := have["hookstrap_build_info"].GetMetric()[0].String(); !strings.Contains(info, "v1.2.3") ||
		!strings.Contains(info, runtime.Version()) {
		t.Errorf("hookstrap_build_info has the labels %s", info)
	}
}
