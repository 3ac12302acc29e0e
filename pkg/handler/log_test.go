// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package handler

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	admissionv1 "k8s.io/api/admission/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/klog/v2"
	"k8s.io/klog/v2/ktesting"
)

// loggedAt is a context whose log of this verbosity can be read by calling the function.
func loggedAt(t *testing.T, verbosity int) (klog.Logger, func() string) {
	t.Helper()
	logger := ktesting.NewLogger(t, ktesting.NewConfig(ktesting.BufferLogs(true), ktesting.Verbosity(verbosity)))
	return logger, func() string { return logger.GetSink().(ktesting.Underlier).GetBuffer().String() }
}

func TestLogOfReviews(t *testing.T) {
	found := []Violation{{Field: "spec.a", Message: "is bad"}, {Message: "also bad"}}
	for title, tt := range map[string]struct {
		entry     Entry
		operation admissionv1.Operation
		verbosity int
		want      string
	}{
		"a denial": {Entry{Check: says("loud", found...)}, admissionv1.Create, 0,
			`Denied uid="705ab4f5-6393-11e8-b7cc-42010a800002" kind="Pod" object="shop/web" operation="CREATE" user="jane" ` +
				`unlogged=0 checks="loud" finding="spec.a: is bad"`},
		"found in mode audit": {Entry{Check: says("loud", found...), Mode: Audit}, admissionv1.Create, 0,
			`Found by a check in mode audit uid="705ab4f5-6393-11e8-b7cc-42010a800002" kind="Pod" object="shop/web" ` +
				`operation="CREATE" user="jane" unlogged=0 checks="loud" finding="spec.a: is bad"`},
		"a warning":                   {Entry{Check: says("loud", found...), Mode: Warn}, admissionv1.Create, 0, ""},
		"what passes":                 {Entry{Check: says("loud", found...)}, admissionv1.Delete, 0, ""},
		"what passes, with verbosity": {Entry{Check: says("loud", found...)}, admissionv1.Delete, 4, `Allowed uid=`},
		"a failure":                   {Entry{Check: fails("loud", errors.New("no"))}, admissionv1.Create, 0, `Not allowed uid=`},
	} {
		t.Run(title, func(t *testing.T) {
			logger, log := loggedAt(t, tt.verbosity)
			req := createPod(t, webPod())
			req.Operation, req.UserInfo.Username = tt.operation, "jane"
			ask(klog.NewContext(t.Context(), logger), t, newHandler(t, tt.entry), req)
			if got := log(); !strings.Contains(got, tt.want) || tt.want == "" && got != "" {
				t.Errorf("logged %q, want %q", got, tt.want)
			}
		})
	}
}

// What is refused before it is judged has a line as well, as far as its head is known.
func TestLogOfRefusals(t *testing.T) {
	object := `"u","userInfo":{"username":"jane"},"namespace":"shop","name":"web","kind":{"kind":"Pod"},"operation":"CREATE",`
	long := strings.Repeat(`x\n`, 2_000)
	wide := `"object":"` + strings.Repeat("x", maxBody) + `"`
	for title, tt := range map[string]struct {
		body string
		want string // empty for none
	}{
		"too large": {replaced(`"u"`, object+wide), `Not allowed uid="u" kind="Pod" object="shop/web" operation="CREATE" ` +
			`user="jane" unlogged=0 code=413 message="Pod \"web\" in namespace \"shop\" not admitted: the AdmissionReview is larger`},
		"malformed":      {replaced(`"u"`, object+`"options":{]`), `code=400 message="Pod \"web\" in namespace \"shop\" not admitted: the body is not`},
		"with no head":   {replaced(`"u"`, `"u",`+wide), `Not allowed uid="u" kind="" object="" operation="" user="" unlogged=0 code=413`},
		"with long text": {replaced(`"u"`, `"`+long+`","name":"`+long+`","userInfo":{"username":"`+long+`"},`+wide), `Not allowed uid="x`},
		"no review":      {`{"kind":"Pod"}`, ""},
	} {
		t.Run(title, func(t *testing.T) {
			logger, log := loggedAt(t, 0)
			send(klog.NewContext(t.Context(), logger), newHandler(t), "/", []byte(tt.body))
			got := log()
			if !strings.Contains(got, tt.want) || tt.want == "" && got != "" || len(got) > 3000 || strings.Count(got, "\n") > 1 {
				t.Errorf("logged %d bytes: %.3000s\nwant %s", len(got), got, tt.want)
			}
		})
	}
}

// What cannot be judged for want of room is in the log, too, but not as often as it happens.
func TestLogOfOverload(t *testing.T) {
	logger, log := loggedAt(t, 0)
	h := newHandler(t)
	h.gate.turns.concurrent, h.gate.turns.queued = 0, 0
	for range 2 * linesOfNamespace {
		send(klog.NewContext(t.Context(), logger), h, "/", []byte(minimalReview))
	}
	if n := strings.Count(log(), "Not allowed"); n != linesOfNamespace || !strings.Contains(log(), "code=429") {
		t.Errorf("%d lines: %s", n, log())
	}
}

// What a user writes makes no line long, and no second one.
func TestLogLinesAreBounded(t *testing.T) {
	logger, log := loggedAt(t, 0)
	long := strings.Repeat("x\n", 2_000)
	req := createPod(t, webPod())
	req.UserInfo.Username, req.Name, req.Kind.Kind, req.UID = long, long[:500], long[:500], types.UID(long[:3_000])
	ask(klog.NewContext(t.Context(), logger), t, newHandler(t, Entry{Check: says("loud", Violation{Message: long})}), req)
	if got := log(); strings.Count(got, "\n") > 1 || len(got) > 3000 || !strings.Contains(got, "Denied") {
		t.Errorf("%d bytes in %d lines: %.200s", len(got), strings.Count(got, "\n"), got)
	}
}

// A tenant that has everything denied gets a few lines a minute, and keeps those of the others out of the log only if
// they are many together.
func TestLogLinesAreLimited(t *testing.T) {
	var l lineLimit
	start := time.Now()
	count := func(namespace string, n int, at time.Duration) (passed, unlogged int) {
		for range n {
			if ok, dropped := l.pass(namespace, start.Add(at)); ok {
				passed, unlogged = passed+1, unlogged+dropped
			}
		}
		return passed, unlogged
	}
	for i, step := range []struct {
		namespace        string
		n                int
		at               time.Duration
		passed, unlogged int
	}{
		{"noisy", 1000, 0, linesOfNamespace, 0},
		{"quiet", 1, time.Second, 1, 1000 - linesOfNamespace},
		{"noisy", 5, 59 * time.Second, 0, 0},
		{"noisy", 1, time.Minute, 1, 5},
	} {
		if passed, unlogged := count(step.namespace, step.n, step.at); passed != step.passed || unlogged != step.unlogged {
			t.Errorf("step %d: %d lines and %d that were not, want %d and %d", i, passed, unlogged, step.passed, step.unlogged)
		}
	}
	all := 0
	for i := range 10_000 {
		passed, _ := count(fmt.Sprint(i), 2, time.Hour)
		all += passed
	}
	if all != linesOfAll || len(l.of) > linesOfAll {
		t.Errorf("%d lines about many namespaces, of which %d are remembered, want %d", all, len(l.of), linesOfAll)
	}
}
