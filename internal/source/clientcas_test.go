// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package source

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/klog/v2"
	"k8s.io/klog/v2/ktesting"

	"github.com/hookstrap/hookstrap/internal/report"
	"github.com/hookstrap/hookstrap/test/pairs"
)

// clientCAs are in a file of their own, and were read.
func clientCAs(t *testing.T, registry *prometheus.Registry) ClientCAs {
	t.Helper()
	o := newOptions(t, registry)
	path := filepath.Join(t.TempDir(), "clients.crt")
	check(t, os.WriteFile(path, pairs.SelfSigned(t, "clients").CertPEM(), 0o600))
	cas := ClientCAs{File: path, State: o.State, Report: o.Report}
	check(t, cas.Load())
	return cas
}

// TestABadClientCAFileHidesNothing: it is counted and logged once, the last good CAs stay, and readiness goes on to say
// what is wrong with the certificate.
func TestABadClientCAFileHidesNothing(t *testing.T) {
	registry := prometheus.NewRegistry()
	cas := clientCAs(t, registry)
	before := cas.State.ClientAuth()
	cas.Report.Failed("certificate", errors.New("the signer does not answer"))
	logger := ktesting.NewLogger(t, ktesting.NewConfig(ktesting.BufferLogs(true)))
	ended := make(chan error, 1)
	go func() { ended <- cas.Follow(klog.NewContext(t.Context(), logger)) }()
	check(t, os.WriteFile(cas.File, []byte("garbage"), 0o600))
	await(t, func() error {
		if n := reloadErrors(t, registry, report.FilesClientCA); n != 1 {
			return fmt.Errorf("%g failures counted, want 1", n)
		}
		return nil
	})
	if cas.State.ClientAuth() != before {
		t.Error("the last good client CAs are gone")
	}
	if err := cas.Report.Last.Or(nil); err == nil || err.Error() != "the signer does not answer" {
		t.Errorf("readiness says %v", err)
	}
	next := pairs.SelfSigned(t, "next")
	check(t, os.WriteFile(cas.File, next.CertPEM(), 0o600))
	await(t, func() error {
		if cas := cas.State.ClientAuth().CAs(); !cas[0].Equal(next.Leaf()) {
			return fmt.Errorf("the client CA is still %s", cas[0].Subject)
		}
		return nil
	})
	said := func() string { return logger.GetSink().(ktesting.Underlier).GetBuffer().String() }
	await(t, func() error { // It is said after it is done.
		if text := said(); !strings.Contains(text, "The client CAs have changed") {
			return fmt.Errorf("nothing is said about the good file:\n%s", text)
		}
		return nil
	})
	if n := strings.Count(said(), "Keeping the last good client CAs"); n != 1 {
		t.Errorf("%d lines about the bad file, want 1:\n%s", n, said())
	}
}

func reloadErrors(t *testing.T, registry *prometheus.Registry, what string) float64 {
	t.Helper()
	families, err := registry.Gather()
	check(t, err)
	var sum float64
	for _, family := range families {
		if family.GetName() != "hookstrap_reload_errors_total" {
			continue
		}
		for _, metric := range family.GetMetric() {
			for _, label := range metric.GetLabel() {
				if label.GetName() == "what" && label.GetValue() == what {
					sum += metric.GetCounter().GetValue()
				}
			}
		}
	}
	return sum
}
