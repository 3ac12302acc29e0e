// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package readiness

import (
	"bytes"
	"slices"
	"strings"
	"testing"
	"time"

	"k8s.io/klog/v2"
	"k8s.io/klog/v2/textlogger"

	"github.com/hookstrap/hookstrap/internal/lifecycle"
	"github.com/hookstrap/hookstrap/internal/trust"
	"github.com/hookstrap/hookstrap/test/pairs"
)

// calling is an injector whose entries make these calls.
type calling struct {
	Injector
	calls []trust.Call
}

func (c calling) Calls() []trust.Call { return c.calls }

// portService has the ports that are no key.
type portService struct {
	Service
	missing map[int64]bool
}

func (s portService) Uncallable(calls []trust.Call) []string {
	var reasons []string
	for _, call := range calls {
		if s.missing[call.Port] {
			reasons = append(reasons, call.Webhook+" calls a port that is missing")
		}
	}
	return reasons
}

func (portService) Unread() string { return "" }

// TestOneCallIsEnough: at the start every entry has to be callable, for two minutes. Later one is enough, and the others are
// said once; with none the server is not ready.
func TestOneCallIsEnough(t *testing.T) {
	r := newTested(t, Options{})
	r.state.Set(pairs.SelfSigned(t, selfName))
	service := portService{missing: map[int64]bool{}}
	r.options.ExternalTrust, r.options.Service = false, service
	r.options.Injector = calling{r.options.Injector, []trust.Call{{Webhook: "a", Port: 443}, {Webhook: "b", Port: 8443}}}
	var log bytes.Buffer
	r.Begin(klog.NewContext(t.Context(), textlogger.NewLogger(textlogger.NewConfig(textlogger.Output(&log)))))
	conditions := r.Conditions()
	condition := conditions[slices.IndexFunc(conditions, func(c lifecycle.Condition) bool { return c.Name == "service" })]
	for _, step := range []struct {
		what    string
		missing []int64
		long    bool
		ready   bool
		note    string
		line    string
	}{
		{what: "at the start", missing: []int64{8443}},
		{what: "all are there", ready: true},
		{what: "two minutes after the start", missing: []int64{8443}, long: true, ready: true, note: "b calls", line: "does not wait"},
		{what: "again", missing: []int64{8443}, long: true, ready: true, note: "b calls"},
		{what: "none is left", missing: []int64{443, 8443}, long: true, note: "b calls"},
		{what: "back", long: true, ready: true, line: "through all entries again"},
	} {
		log.Reset()
		clear(service.missing)
		for _, port := range step.missing {
			service.missing[port] = true
		}
		r.log.made = time.Now()
		if step.long {
			r.log.made = time.Now().Add(-startPatience)
		}
		if err := condition.Check(t.Context()); (err == nil) != step.ready {
			t.Errorf("%s: the condition says %v, want that it holds: %t", step.what, err, step.ready)
		}
		if note := condition.Note(); !strings.HasPrefix(note, step.note) || step.note == "" && note != "" {
			t.Errorf("%s: the note is %q", step.what, note)
		}
		if got := log.String(); !strings.Contains(got, step.line) || step.line == "" && got != "" {
			t.Errorf("%s: logs %q, want %q", step.what, got, step.line)
		}
	}
}
