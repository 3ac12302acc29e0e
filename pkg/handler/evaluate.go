// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package handler

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"k8s.io/klog/v2"
)

// errDeadline marks a check which gave no answer in time.
var errDeadline = errors.New("no answer in time")

// outcome is what one check, or mutation, had to say about one request.
type outcome struct {
	entry      *entry
	mode       Mode // in which the check was used for this request
	skipped    bool // the check was not asked
	violations []Violation
	advice     []Violation // which warns, in a mode in which violations deny
	err        error       // the check could not tell; its text is known, and asking for it runs no code of the check
	late       bool        // that is because the check gave no answer in time

	// podsRefused are violations that an update left as they were, and for which the check denies the Pods to come.
	podsRefused []Violation

	object  []byte   // in mode Apply, as a mutation has changed it; nil if it has not
	changes []Change // of a mutation, in whatever mode

	exemptBy exemption // what exempted the request, or some of its containers; empty if nothing did
	exempted []string  // who or what it was: the namespace, the user, …, or the images
	ending   string    // that the exemption ends soon; empty if it does not
}

// evaluate runs the entries one after another and returns an outcome for each, in the same order. What a mutation has
// changed, the next one sees. It returns when ctx ends, even if a check does not: that check, and those after it, have
// then failed. A check that ignores its context goes on in its goroutine, on data that no other goroutine writes to,
// and its result is dropped. When no check is running any more, be it before evaluate returns or long after, ended is
// called.
func evaluate(
	ctx context.Context, entries []*entry, req *Request, budget time.Duration, ended func(),
) []outcome {
	results := make(chan outcome, len(entries)) // room for all, so that an abandoned goroutine ends by itself
	modes := make([]Mode, len(entries))
	for i, e := range entries {
		modes[i] = e.modeFor(req)
	}
	go func() {
		defer close(results)
		defer ended()
		growStack()
		current := req
		for i, e := range entries {
			o := e.run(ctx, current, modes[i])
			if o.object != nil && o.err == nil {
				current = current.with(o.object)
			}
			results <- o
			if ctx.Err() != nil {
				return
			}
		}
	}()
	outcomes := cutShort(collect(ctx, results), results, entries)
	explainDeadline(outcomes, budget)
	for i := range outcomes {
		outcomes[i].mode = modes[i]
	}
	return outcomes
}

// refuses says whether a failure refuses the request.
func (o *outcome) refuses() bool { return (o.mode == Deny || o.mode == Apply) && !o.entry.failsOpen }

// growStack makes the stack of a new goroutine as large as decoding a Pod needs, in one step and while there is nothing
// on it. It would otherwise double three times on the way, and each time all that is on it is moved, which took a tenth
// of the time of a review. It is a function of its own, for the room must be free again when it returns.
//
//go:noinline
func growStack() {
	var room [8 << 10]byte
	touch(&room)
}

//go:noinline
func touch(*[8 << 10]byte) {}

// collect returns the results that come until there are no more, or until the time is up.
func collect(ctx context.Context, results <-chan outcome) []outcome {
	outcomes := make([]outcome, 0, cap(results))
	for {
		select {
		case o, more := <-results:
			if !more {
				return outcomes
			}
			outcomes = append(outcomes, o)
		case <-ctx.Done():
			return outcomes
		}
	}
}

// cutShort completes the outcomes when the time is up: with results that have just come, then with failures.
func cutShort(outcomes []outcome, results <-chan outcome, entries []*entry) []outcome {
	for len(results) > 0 {
		outcomes = append(outcomes, <-results)
	}
	for _, e := range entries[len(outcomes):] {
		outcomes = append(outcomes, outcome{entry: e, err: errDeadline, late: true})
	}
	return outcomes
}

// explainDeadline tells the check which used up the time from those after it, for which none was left. The outcomes
// are in the order in which the checks were run.
func explainDeadline(outcomes []outcome, budget time.Duration) {
	used := false
	for i := range outcomes {
		switch o := &outcomes[i]; {
		case !o.late:
		case used:
			o.err = fmt.Errorf("%w: none was left for it", errDeadline)
		default:
			o.err = fmt.Errorf("%w (%s): make the %s faster, or raise timeoutSeconds in the webhook configuration",
				errDeadline, budget, o.entry.kind)
			used = true
		}
	}
}

// run asks one check in the mode that it has for this request. A panic in the check is the failure of that check alone.
// So is an object for which there was no memory, whatever was made of that: it may be why the check, or an exemption,
// had less to say.
func (e *entry) run(ctx context.Context, req *Request, mode Mode) (o outcome) {
	defer func() {
		if reason := recover(); reason != nil {
			o = outcome{entry: e, err: e.panicked(ctx, reason)}
		}
	}()
	req.memory.forget() // was another's
	o = e.ask(ctx, req, mode)
	isExempt := o.skipped && o.exemptBy != "" // whatever else there is to read
	if short := req.memory.shortage(); short != nil && o.err == nil && !isExempt {
		o.skipped = false // It is unknown whether it had to be.
		o.err = e.failed(ctx, fmt.Errorf("cannot read an object: %w", short))
	}
	return o
}

func (e *entry) ask(ctx context.Context, req *Request, mode Mode) outcome {
	if !e.selects(req) {
		return outcome{entry: e, skipped: true}
	}
	if by, who := e.isExempt(ctx, req); by != "" {
		return outcome{entry: e, skipped: true, exemptBy: by, exempted: []string{who}}
	}
	if found := e.exempt.ofObject(req, time.Now); found != nil {
		return outcome{
			entry: e, skipped: true, exemptBy: byObject, exempted: []string{found.text(req)}, ending: found.Notice(time.Now()),
		}
	}
	if e.mutation != nil {
		return e.mutate(ctx, req)
	}
	violations, err := e.violations(ctx, req)
	o := outcome{entry: e, late: err != nil && ctx.Err() != nil}
	switch {
	case o.late:
		o.err = errDeadline // whatever the check calls it
	case err != nil:
		o.err = e.failed(ctx, err)
	}
	if !e.everyUpdate {
		var carried []Violation
		violations, carried = e.dropCarriedOver(ctx, req, violations)
		if mode == Deny {
			o.podsRefused = e.ofPods(req, carried)
		}
	}
	if o.violations, o.exempted, err = e.withoutImages(req, violations); err != nil {
		klog.FromContext(ctx).V(2).Info("Cannot tell which images are exempt; none is", "check", e.name, "err", err)
	}
	if len(o.exempted) > 0 {
		o.exemptBy = byImage
	}
	if mode == Deny {
		o.violations, o.advice = withoutAdvice(o.violations)
	}
	return o
}

// withoutAdvice tells violations from what is only advice.
func withoutAdvice(violations []Violation) (rest, advice []Violation) {
	if !slices.ContainsFunc(violations, func(v Violation) bool { return v.Advice }) {
		return violations, nil
	}
	for _, v := range violations {
		if v.Advice {
			advice = append(advice, v)
		} else {
			rest = append(rest, v)
		}
	}
	return rest, advice
}
