// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package lifecycle_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/klog/v2/ktesting"

	"github.com/hookstrap/hookstrap/internal/lifecycle"
)

func good(name string) lifecycle.Condition {
	return lifecycle.Condition{Name: name, Check: func(context.Context) error { return nil }}
}

func noted(name, note string) lifecycle.Condition {
	condition := good(name)
	condition.Note = func() string { return note }
	return condition
}

func bad(name, reason string) lifecycle.Condition {
	return lifecycle.Condition{Name: name, Check: func(context.Context) error { return errors.New(reason) }}
}

func probe(t *testing.T, handler http.Handler, target string) (status int, body string) {
	t.Helper()
	_, ctx := ktesting.NewTestContext(t)
	recorder := httptest.NewRecorder()
	handler.ServeHTTP(recorder, httptest.NewRequestWithContext(ctx, http.MethodGet, target, nil))
	if got := recorder.Header().Get("Content-Type"); got != "text/plain; charset=utf-8" {
		t.Errorf("Content-Type %q", got)
	}
	return recorder.Code, recorder.Body.String()
}

func TestReadyz(t *testing.T) {
	tests := []struct {
		name       string
		conditions []lifecycle.Condition
		target     string
		status     int
		body       string
	}{
		{"no conditions", nil, "/readyz", 200, "ok"},
		{"all hold", []lifecycle.Condition{good("a"), good("b")}, "/readyz", 200, "ok"},
		{
			"verbose, in the given order", []lifecycle.Condition{good("b"), good("a")}, "/readyz?verbose",
			200, "[+]b ok\n[+]a ok\nreadyz check passed\n",
		},
		{
			"a note is said beside ok, if there is one", []lifecycle.Condition{noted("a", "but\nb"), noted("b", ""), good("c")},
			"/readyz?verbose", 200, "[+]a ok: but b\n[+]b ok\n[+]c ok\nreadyz check passed\n",
		},
		{
			"an excluded condition has no note", []lifecycle.Condition{noted("a", "x")}, "/readyz?verbose&exclude=a",
			200, "[+]a excluded: ok\nreadyz check passed\n",
		},
		{
			"a failure says everything unasked", []lifecycle.Condition{good("a"), bad("b", "no caBundle"), good("c")}, "/readyz",
			503, "[+]a ok\n[-]b failed: no caBundle\n[+]c ok\nreadyz check failed\n",
		},
		{
			"a reason of several lines becomes one", []lifecycle.Condition{bad("a", "one\ntwo\r\n three")}, "/readyz",
			503, "[-]a failed: one two three\nreadyz check failed\n",
		},
		{"the failure is excluded", []lifecycle.Condition{good("a"), bad("b", "x")}, "/readyz?exclude=b", 200, "ok"},
		{
			"excluded and verbose", []lifecycle.Condition{good("a"), bad("b", "x"), bad("c", "y")},
			"/readyz?exclude=c&verbose=1&exclude=b",
			200, "[+]a ok\n[+]b excluded: ok\n[+]c excluded: ok\nreadyz check passed\n",
		},
		{
			"another failure is excluded", []lifecycle.Condition{bad("a", "x"), bad("b", "y")}, "/readyz?exclude=b",
			503, "[-]a failed: x\n[+]b excluded: ok\nreadyz check failed\n",
		},
		{
			"unknown exclusions are told, sorted", []lifecycle.Condition{good("a")}, "/readyz?exclude=z&exclude=y&verbose",
			200, "[+]a ok\nwarn: there is no condition \"y\" to exclude\n" +
				"warn: there is no condition \"z\" to exclude\nreadyz check passed\n",
		},
		{
			"a condition without a check", []lifecycle.Condition{{Name: "a"}, good("b")}, "/readyz?exclude=b",
			503, "[-]a failed: the check itself is broken, please report this: panic: " +
				"runtime error: invalid memory address or nil pointer dereference\n[+]b excluded: ok\nreadyz check failed\n",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			status, body := probe(t, lifecycle.ReadyzHandler(tt.conditions...), tt.target)
			if status != tt.status {
				t.Errorf("status %d, want %d", status, tt.status)
			}
			if diff := cmp.Diff(tt.body, body); diff != "" {
				t.Errorf("body (-want +got):\n%s", diff)
			}
		})
	}
}

func TestHealthz(t *testing.T) {
	for target, want := range map[string]string{
		"/healthz":         "ok",
		"/healthz?verbose": "healthz check passed\n",
	} {
		if status, body := probe(t, lifecycle.HealthzHandler(), target); status != 200 || body != want {
			t.Errorf("%s answers %d %q, want %q", target, status, body, want)
		}
	}
}

func TestHealthMethods(t *testing.T) {
	for method, want := range map[string]int{
		http.MethodGet: 200, http.MethodHead: 200, http.MethodPost: 405, http.MethodDelete: 405,
	} {
		recorder := httptest.NewRecorder()
		request := httptest.NewRequestWithContext(t.Context(), method, "/healthz", nil)
		lifecycle.HealthzHandler().ServeHTTP(recorder, request)
		if recorder.Code != want {
			t.Errorf("%s answers %d, want %d", method, recorder.Code, want)
		}
	}
}

// TestConditionsAreConcurrent has two checks which both wait for the other.
func TestConditionsAreConcurrent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rendezvous := make(chan struct{})
		first := lifecycle.Condition{Name: "first", Check: func(ctx context.Context) error {
			select {
			case rendezvous <- struct{}{}:
				return nil
			case <-ctx.Done():
				return ctx.Err()
			}
		}}
		second := lifecycle.Condition{Name: "second", Check: func(ctx context.Context) error {
			select {
			case <-rendezvous:
				return nil
			case <-ctx.Done():
				return ctx.Err()
			}
		}}
		if status, body := probe(t, lifecycle.ReadyzHandler(first, second), "/readyz"); status != 200 {
			t.Errorf("%d %s", status, body)
		}
	})
}

// TestHangingCondition: even a check that ignores its context gets no more than
// five seconds, and the others are reported all the same.
func TestHangingCondition(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		defer close(release)
		hangs := lifecycle.Condition{Name: "hangs", Check: func(context.Context) error {
			<-release
			return nil
		}}
		obeys := lifecycle.Condition{Name: "obeys", Check: func(ctx context.Context) error {
			<-ctx.Done()
			return errors.New("gave up waiting for the API server")
		}}
		began := time.Now()
		status, body := probe(t, lifecycle.ReadyzHandler(hangs, bad("b", "no caBundle"), good("c")), "/readyz")
		if took := time.Since(began); status != 503 || took != 5*time.Second {
			t.Errorf("answered %d after %s", status, took)
		}
		for _, line := range []string{"[-]hangs failed: no outcome in time", "[-]b failed: no caBundle", "[+]c ok"} {
			if !strings.Contains(body, line) {
				t.Errorf("no line %q in:\n%s", line, body)
			}
		}
		if status, _ := probe(t, lifecycle.ReadyzHandler(obeys), "/readyz"); status != 503 {
			t.Errorf("a check that ends with its context: %d", status)
		}
	})
}

// TestCheckGetsTheRequestsContext: a prober that hangs up ends the check.
func TestCheckGetsTheRequestsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	waits := lifecycle.Condition{Name: "waits", Check: func(ctx context.Context) error {
		<-ctx.Done()
		return ctx.Err()
	}}
	recorder := httptest.NewRecorder()
	request := httptest.NewRequestWithContext(ctx, http.MethodGet, "/readyz", nil)
	lifecycle.ReadyzHandler(waits).ServeHTTP(recorder, request)
	if recorder.Code != 503 {
		t.Errorf("status %d", recorder.Code)
	}
}
