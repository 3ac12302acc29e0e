// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package report

import (
	"errors"
	"fmt"
	"testing"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/hookstrap/hookstrap/internal/trust"
)

func healedBy(manager string) trust.Write {
	return trust.Write{
		Target: trust.Target{Kind: trust.Validating, Name: "web"}, Reason: "differs", Overwriter: manager, Repairs: 1,
	}
}

func TestHealsByManager(t *testing.T) {
	m := newBundleMetrics()
	first := healedBy("")
	first.Repairs = 0 // The first write repairs nothing.
	m.wrote(first)
	if n := testutil.CollectAndCount(m.heals); n != 0 {
		t.Errorf("a first write was counted as a repair: %d series", n)
	}
	for range 2 {
		m.wrote(healedBy("helm"))
	}
	m.wrote(healedBy(""))
	for manager, want := range map[string]float64{"helm": 2, managerUnknown: 1} {
		if got := testutil.ToFloat64(m.heals.WithLabelValues("validating", "web", manager)); got != want {
			t.Errorf("%g repairs of what %s spoiled, want %g", got, manager, want)
		}
	}
	if got := testutil.ToFloat64(m.writes.WithLabelValues("validating", "web", "differs")); got != 4 {
		t.Errorf("%g writes, want 4", got)
	}
}

// Anyone who names field managers at random must not fill the memory of two processes, ours and Prometheus'.
func TestManagersAreFew(t *testing.T) {
	m := newBundleMetrics()
	for i := range 10 * mostManagers {
		m.wrote(healedBy(fmt.Sprintf("manager-%03d", i)))
	}
	m.wrote(healedBy("")) // has its place, whatever came before
	if got, want := testutil.CollectAndCount(m.heals), mostManagers+2; got != want {
		t.Errorf("%d series, want %d", got, want)
	}
	if got := testutil.ToFloat64(m.heals.WithLabelValues("validating", "web", managerOther)); got != 9*mostManagers {
		t.Errorf("%g repairs count as %s, want %d", got, managerOther, 9*mostManagers)
	}
	m.wrote(healedBy("manager-000")) // the first ones keep their names
	if got := testutil.ToFloat64(m.heals.WithLabelValues("validating", "web", "manager-000")); got != 2 {
		t.Errorf("%g repairs of what the first manager spoiled, want 2", got)
	}
}

func TestReloadErrorsAreThereFromTheStart(t *testing.T) {
	r, err := New(Options{})
	if err != nil {
		t.Fatal(err)
	}
	m := r.metrics
	if got, want := testutil.CollectAndCount(m.reloadErrors), len(allFiles()); got != want {
		t.Errorf("%d series before the first error, want %d", got, want)
	}
	r.Files.Counted(FilesCA, errors.New("garbage"))
	if got := testutil.ToFloat64(m.reloadErrors.WithLabelValues(FilesCA)); got != 1 {
		t.Errorf("%g errors, want 1", got)
	}
}
