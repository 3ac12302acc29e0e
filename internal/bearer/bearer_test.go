// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package bearer

import (
	"bytes"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/klog/v2"
	"k8s.io/klog/v2/textlogger"
)

// alone is a gate whose API server does not answer. With one that does it is tested in test/e2e.
func alone(t *testing.T) *Gate {
	t.Helper()
	client, err := kubernetes.NewForConfig(&rest.Config{Host: "http://127.0.0.1:1"})
	if err != nil {
		t.Fatal(err)
	}
	return NewGate(client)
}

// get is the status of a request for /metrics.
func get(t *testing.T, g *Gate, authorization string) int {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/metrics", http.NoBody)
	if authorization != "" {
		r.Header.Set("Authorization", authorization)
	}
	w := httptest.NewRecorder()
	g.Protect(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusOK) })).ServeHTTP(w, r)
	if (w.Code == http.StatusUnauthorized) != (w.Header().Get("WWW-Authenticate") == "Bearer") {
		t.Errorf("the status %d comes with the header WWW-Authenticate: %s", w.Code, w.Header().Get("WWW-Authenticate"))
	}
	return w.Code
}

func TestWithoutAToken(t *testing.T) {
	for _, authorization := range []string{"", "Bearer", "Bearer ", "Basic dXNlcjpwYXNz", "token"} {
		if got := get(t, alone(t), authorization); got != http.StatusUnauthorized {
			t.Errorf("Authorization %q: %d, want 401", authorization, got)
		}
	}
}

// While the API server does not answer, those get in that it has allowed lately, and no others.
func TestOutage(t *testing.T) {
	g, start := alone(t), time.Now()
	g.verdicts.allow(request{token: "known", verb: "get", path: "/metrics"}.key(), start)
	for age, want := range map[time.Duration]int{
		0: http.StatusOK, 2 * time.Minute: http.StatusOK, 9 * time.Minute: http.StatusOK,
		11 * time.Minute: http.StatusServiceUnavailable,
	} {
		g.now = func() time.Time { return start.Add(age) }
		if got := get(t, g, "bearer known"); got != want {
			t.Errorf("after %s: %d, want %d", age, got, want)
		}
		if got := get(t, g, "Bearer other"); got != http.StatusServiceUnavailable {
			t.Errorf("another token, after %s: %d, want 503", age, got)
		}
	}
}

// Clients without any right do not fill the log: one line a minute says how many requests there were.
func TestRefusalsAreLoggedOnceAMinute(t *testing.T) {
	client, err := kubernetes.NewForConfig(&rest.Config{Host: "http://127.0.0.1:1", QPS: -1})
	if err != nil {
		t.Fatal(err)
	}
	var text bytes.Buffer
	ctx := klog.NewContext(t.Context(), textlogger.NewLogger(textlogger.NewConfig(textlogger.Output(&text))))
	g, start := NewGate(client), time.Now()
	for i := range 50 {
		g.now = func() time.Time { return start.Add(time.Duration(i) * 2 * time.Second) }
		r := httptest.NewRequestWithContext(ctx, http.MethodGet, "/metrics", http.NoBody)
		r.Header.Set("Authorization", fmt.Sprintf("Bearer %d", i))
		g.Protect(http.NotFoundHandler()).ServeHTTP(httptest.NewRecorder(), r)
	}
	if lines := strings.Count(text.String(), "\n"); lines != 2 || !strings.Contains(text.String(), "unlogged=29") {
		t.Errorf("%d lines for 50 refusals within two minutes, want 2:\n%s", lines, &text)
	}
}

// A verdict is about one token, verb and path.
func TestKey(t *testing.T) {
	seen := map[any]request{}
	for _, r := range []request{
		{"a", "get", "/metrics"}, {"b", "get", "/metrics"}, {"a", "post", "/metrics"}, {"a", "get", "/"}, {"", "get", "/metricsa"},
	} {
		if other, ok := seen[r.key()]; ok {
			t.Errorf("%v and %v have the same key", r, other)
		}
		seen[r.key()] = r
	}
}

func TestVerdicts(t *testing.T) {
	var v verdicts
	start := time.Now()
	key := func(i int) [32]byte { return [32]byte{byte(i)} }
	if v.allowed(key(0), start, stale) {
		t.Error("a request is allowed that was never asked about")
	}
	for i := range maxVerdicts + 1 {
		v.allow(key(i), start.Add(time.Duration(i)*time.Second))
	}
	now := start.Add(maxVerdicts * time.Second)
	if len(v.when) != maxVerdicts || v.allowed(key(0), now, stale) || !v.allowed(key(1), now, stale) {
		t.Errorf("%d verdicts, want %d, without the oldest", len(v.when), maxVerdicts)
	}
	if v.allowed(key(1), now, fresh) || !v.allowed(key(maxVerdicts), now, fresh) {
		t.Error("a verdict is not fresh for a minute")
	}
	v.forget(key(1))
	if v.allowed(key(1), now, stale) {
		t.Error("a verdict was not taken back")
	}
}
