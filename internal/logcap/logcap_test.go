// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package logcap_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/go-logr/logr"
	"k8s.io/klog/v2"
	"k8s.io/klog/v2/textlogger"

	"github.com/hookstrap/hookstrap/internal/logcap"
)

// TestNothingAboveTheMaximum: whatever is derived from a logger with a cap has it too, and the rest is as it was.
func TestNothingAboveTheMaximum(t *testing.T) {
	var out bytes.Buffer
	config := textlogger.NewConfig(textlogger.Output(&out), textlogger.Verbosity(10))
	ctx := logcap.NewContext(klog.NewContext(t.Context(), textlogger.NewLogger(config)))
	ctx = logcap.NewContext(ctx) // Twice is once.
	logger := klog.FromContext(ctx)
	for name, derived := range map[string]klog.Logger{
		"itself": logger, "name": logger.WithName("n"), "values": logger.WithValues("k", "v"),
		"depth": logger.WithCallDepth(0), "verbosity": logger.V(2).WithName("n").WithValues("k", "v"),
	} {
		out.Reset()
		for level := range 12 {
			derived.V(level).Info("said")
		}
		want := logcap.MaxVerbosity + 1 - derived.GetV()
		if got := strings.Count(out.String(), `"said"`); got != want {
			t.Errorf("%s: %d lines, want %d:\n%s", name, got, want, out.String())
		}
		if !strings.Contains(out.String(), "logcap_test.go:") || strings.Contains(out.String(), "logcap.go:") {
			t.Errorf("%s: the lines name another file than the caller's:\n%s", name, out.String())
		}
		if derived.V(8).Enabled() || !derived.Enabled() {
			t.Errorf("%s: enabled at 8, or not at 0", name)
		}
	}
}

// TestVModule: the verbosity of single files is still that of the caller's file.
func TestVModule(t *testing.T) {
	var out bytes.Buffer
	config := textlogger.NewConfig(textlogger.Output(&out))
	if err := config.VModule().Set("logcap_test=9"); err != nil {
		t.Fatal(err)
	}
	logger := logcap.Logger(textlogger.NewLogger(config)).WithName("n")
	if !logger.V(7).Enabled() || logger.V(8).Enabled() {
		t.Errorf("enabled at 7: %t, at 8: %t", logger.V(7).Enabled(), logger.V(8).Enabled())
	}
	logger.V(7).Info("said")
	if !strings.Contains(out.String(), "said") {
		t.Error("nothing is logged at 7")
	}
}

func TestNoSink(t *testing.T) {
	logger := logcap.Logger(logr.Discard())
	logger.Info("nothing")
	if logger.Enabled() {
		t.Error("a logger that discards is enabled")
	}
}
