// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package lifecycle

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"k8s.io/klog/v2"
)

// checkTimeout bounds one evaluation of all conditions. Kubelet's patience is timeoutSeconds of the probe, one second
// unless set, so this only frees resources when no caller waits any more.
const checkTimeout = 5 * time.Second

// Condition is something that must hold before the API server may call us.
type Condition struct {
	// Name is one word, with dashes for spaces: it appears in output and in the query parameter "exclude".
	Name string
	// Check returns nil if the condition holds, and otherwise a sentence that says why not. It is called for each probe,
	// concurrently with others and with itself, and should return when ctx ends.
	Check func(ctx context.Context) error
	// Note, unless it is nil, returns what a verbose report says beside "ok", or "" for nothing: what a person should
	// know although the condition holds. It is called for each report, concurrently.
	Note func() string
}

// result is what came of a condition. The zero value stands for success.
type result struct {
	excluded bool
	err      error
	note     string
}

// evaluate checks conditions at the same time, for a slow one must not make a failed one invisible. It waits no longer
// than ctx, even for a check that does.
func evaluate(ctx context.Context, conditions []Condition, excluded []string) []result {
	ctx, cancel := context.WithTimeout(ctx, checkTimeout)
	defer cancel()

	pending := make([]<-chan error, len(conditions))
	for i, condition := range conditions {
		if !slices.Contains(excluded, condition.Name) {
			pending[i] = start(ctx, condition)
		}
	}
	results := make([]result, len(conditions))
	for i := range conditions {
		results[i] = await(ctx, pending[i])
		if note := conditions[i].Note; note != nil && results[i] == (result{}) {
			results[i].note = note()
		}
	}
	return results
}

// start runs a check on a goroutine of its own. The channel has room for the outcome, so the goroutine ends even if no
// caller waits for it any more.
func start(ctx context.Context, condition Condition) <-chan error {
	outcome := make(chan error, 1)
	go func() {
		defer func() {
			// Nothing else would recover on this goroutine, and a faulty check must not take the webhook down with it.
			if r := recover(); r != nil {
				klog.FromContext(ctx).Error(nil, "A health check panicked", "condition", condition.Name,
					"panic", r, "stack", string(debug.Stack()))
				outcome <- fmt.Errorf("the check itself is broken, please report this: panic: %v", r)
			}
		}()
		outcome <- condition.Check(ctx)
	}()
	return outcome
}

// await returns the outcome of a check, or why there is none. A nil channel stands for an excluded condition.
func await(ctx context.Context, outcome <-chan error) result {
	if outcome == nil {
		return result{excluded: true}
	}
	select {
	case err := <-outcome:
		return result{err: err}
	case <-ctx.Done():
	}
	select {
	case err := <-outcome: // the check gave up as well, and may know better why
		return result{err: err}
	default:
		return result{err: errors.New("no outcome in time: the check hangs or the machine is overloaded")}
	}
}

// line describes a condition in the words of kube-apiserver.
func (r result) line(name string) string {
	switch {
	case r.excluded:
		return "[+]" + name + " excluded: ok"
	case r.err == nil && r.note != "":
		return "[+]" + name + " ok: " + oneLine(r.note)
	case r.err == nil:
		return "[+]" + name + " ok"
	}
	return "[-]" + name + " failed: " + oneLine(r.err.Error())
}

// oneLine is for one condition, one line: errors.Join separates by newlines.
func oneLine(text string) string { return strings.Join(strings.Fields(text), " ") }
