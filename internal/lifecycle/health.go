// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package lifecycle

import (
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"

	"k8s.io/klog/v2"
)

// HealthzHandler answers 200 as long as the process can answer at all.
func HealthzHandler() http.Handler {
	return endpoint{name: "healthz"}
}

// ReadyzHandler answers 200 if all conditions hold and 503 otherwise.
//
// A good answer is the word "ok". With the query parameter "verbose", and whenever a condition fails, there is one line
// for each condition, in the order given, and a verdict:
//
//	[+]certificate ok
//	[-]trusted failed: ValidatingWebhookConfiguration "web" has no caBundle yet
//	readyz check failed
//
// The parameter "exclude", which may be repeated, leaves a condition out by its name, for a person who wants to know
// about the others. Conditions are checked concurrently, within five seconds; those which have no outcome by then fail.
func ReadyzHandler(conditions ...Condition) http.Handler {
	return endpoint{name: "readyz", conditions: conditions}
}

// firstPatience is less than a probe waits, which is one second unless its timeoutSeconds says otherwise.
const firstPatience = 700 * time.Millisecond

// WaitForFirst answers as next does, but until ready is closed it takes up to 0.7 s to do so. The kubelet asks about
// readiness as soon as it sees that a container runs, and then once in periodSeconds: a server that needs a moment to
// start would be found ready that much later if it said no at once.
func WaitForFirst(ready <-chan struct{}, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		select {
		case <-ready:
		case <-time.After(firstPatience):
		case <-r.Context().Done():
		}
		next.ServeHTTP(w, r)
	})
}

// endpoint is a conjunction of conditions under a name.
type endpoint struct {
	name       string
	conditions []Condition
}

func (e endpoint) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		http.Error(w, "health is asked for with GET or HEAD", http.StatusMethodNotAllowed)
		return
	}
	query := r.URL.Query()
	excluded := query["exclude"]
	results := evaluate(r.Context(), e.conditions, excluded)

	failed := e.failed(results)
	status, body := http.StatusOK, "ok"
	if failed != nil || query.Has("verbose") {
		body = e.report(results, excluded, failed == nil)
	}
	if failed != nil {
		status = http.StatusServiceUnavailable
		klog.FromContext(r.Context()).V(2).Info("Health check failed", "endpoint", e.name, "conditions", failed,
			"report", body)
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, body) // the prober has gone: the error cannot be reported
}

// failed names the conditions which do not hold.
func (e endpoint) failed(results []result) []string {
	var names []string
	for i, condition := range e.conditions {
		if results[i].err != nil {
			names = append(names, condition.Name)
		}
	}
	return names
}

// report is the long form of an answer.
func (e endpoint) report(results []result, excluded []string, passed bool) string {
	var b strings.Builder
	for i, condition := range e.conditions {
		fmt.Fprintln(&b, results[i].line(condition.Name))
	}
	for _, name := range slices.Compact(slices.Sorted(slices.Values(excluded))) {
		if !slices.ContainsFunc(e.conditions, func(c Condition) bool { return c.Name == name }) {
			fmt.Fprintf(&b, "warn: there is no condition %q to exclude\n", name)
		}
	}
	verdict := "passed"
	if !passed {
		verdict = "failed"
	}
	fmt.Fprintf(&b, "%s check %s\n", e.name, verdict)
	return b.String()
}
