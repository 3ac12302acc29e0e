// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package handler

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	admissionv1 "k8s.io/api/admission/v1"
	"k8s.io/klog/v2"
)

// errDeadline marks a check which gave no answer in time.
var errDeadline = errors.New("no answer in time")

// outcome is what one check had to say about one request.
type outcome struct {
	entry      *entry
	skipped    bool // the check was not asked
	violations []Violation
	err        error // the check could not tell; its text is known, and asking for it runs no code of the check
	late       bool  // that is because the check gave no answer in time

	// podsRefused are violations that an update left as they were, and for which the check denies the Pods to come.
	podsRefused []Violation

	exemptBy exemption // what exempted the request, or some of its containers; empty if nothing did
	exempted []string  // who or what it was: the namespace, the user, …, or the images
}

// evaluate runs the entries one after another and returns an outcome for each, in the same order. It returns when ctx
// ends, even if a check does not: that check, and those after it, have then failed. A check that ignores its context
// goes on in its goroutine, on data that nobody else writes to, and its result is dropped. When no check is running any
// more, be it before evaluate returns or long after, ended is called.
func evaluate(
	ctx context.Context, entries []*entry, req *Request, budget time.Duration, ended func(),
) []outcome {
	results := make(chan outcome, len(entries)) // room for all, so that an abandoned goroutine ends by itself
	go func() {
		defer close(results)
		defer ended()
		growStack()
		for _, e := range entries {
			results <- e.run(ctx, req)
			if ctx.Err() != nil {
				return
			}
		}
	}()
	outcomes := cutShort(collect(ctx, results), results, entries)
	explainDeadline(outcomes, budget)
	return outcomes
}

// growStack makes the stack of a new goroutine as large as decoding a Pod needs, in one step and while there is nothing
// on it. It would otherwise double three times on the way, and each time all that is on it is moved, which took a tenth
// of the time of a review.
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
			o.err = fmt.Errorf("%w (%s): make the check faster, or raise timeoutSeconds in the webhook configuration",
				errDeadline, budget)
			used = true
		}
	}
}

// run asks one check. A panic in the check is the check's failure, and nobody else's. So is an object for which there
// was no memory, whatever was made of that: it may be why the check, or an exemption, had less to say.
func (e *entry) run(ctx context.Context, req *Request) (o outcome) {
	defer func() {
		if reason := recover(); reason != nil {
			o = outcome{entry: e, err: e.panicked(ctx, reason)}
		}
	}()
	req.memory.forget() // was another's
	o = e.ask(ctx, req)
	isExempt := o.skipped && o.exemptBy != "" // whatever else there is to read
	if short := req.memory.shortage(); short != nil && o.err == nil && !isExempt {
		o.skipped = false // Nobody knows whether it had to be.
		o.err = e.failed(ctx, fmt.Errorf("cannot read an object: %w", short))
	}
	return o
}

func (e *entry) ask(ctx context.Context, req *Request) outcome {
	if !e.selects(req) {
		return outcome{entry: e, skipped: true}
	}
	if by, who := e.isExempt(ctx, req); by != "" {
		return outcome{entry: e, skipped: true, exemptBy: by, exempted: []string{who}}
	}
	violations, err := e.check.Evaluate(ctx, req)
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
		o.podsRefused = e.ofPods(req, carried)
	}
	if o.violations, o.exempted, err = e.withoutImages(req, violations); err != nil {
		klog.FromContext(ctx).V(2).Info("Cannot tell which images are exempt; none is", "check", e.name, "err", err)
	}
	if len(o.exempted) > 0 {
		o.exemptBy = byImage
	}
	return o
}

// dropCarriedOver removes the violations of an update which the old object had as well. An object that is older than
// the policy can then still be changed where the policy does not look: be scaled, labeled, or lose its finalizer. As
// the object may only keep the violations it has or lose some, it gets better over time and never worse.
//
// This matters most for Pods, nearly all of whose spec cannot be changed: denying the update of a Pod for something
// its owner can no longer do anything about helps nobody. If the check cannot say what was wrong with the old object,
// all violations count. It returns those that count, and those that are carried over.
func (e *entry) dropCarriedOver(
	ctx context.Context, req *Request, violations []Violation,
) (counting, carried []Violation) {
	if len(violations) == 0 || req.Operation != admissionv1.Update || len(req.AdmissionRequest.OldObject.Raw) == 0 {
		return violations, nil
	}
	before, err := e.violationsOf(ctx, req.before())
	if err == nil {
		err = ctx.Err() // The answer is on its way.
	}
	if err != nil {
		klog.FromContext(ctx).V(2).Info("Cannot tell which violations the old object had; all of them count",
			"check", e.name, "err", err)
		return violations, nil
	}
	known := recall(before)
	for _, v := range violations {
		if known.has(v) {
			carried = append(carried, v)
		} else {
			counting = append(counting, v)
		}
	}
	return counting, carried
}

// ofPods are the violations of a template of Pods that a check denies. The object may stay as it is, but the Pods that
// are made of it from now on are new, and are denied.
func (e *entry) ofPods(req *Request, carried []Violation) []Violation {
	if e.mode != Deny {
		return nil
	}
	carried = slices.DeleteFunc(carried, func(v Violation) bool { return !strings.Contains("."+v.Field, ".template.") })
	if rest, _, err := e.withoutImages(req, carried); err == nil {
		return rest
	}
	return carried
}

// violationsOf asks the check about what an object was before. What only an exempt image made bearable is none of it:
// it does not pass on to an image that is not exempt. A panic and a shortage of memory are errors, and take nothing
// away from what the check has found in the object as it is.
func (e *entry) violationsOf(ctx context.Context, old *Request) (violations []Violation, err error) {
	defer func() {
		if reason := recover(); reason != nil {
			err = e.panicked(ctx, reason)
		}
	}()
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	if violations, err = e.check.Evaluate(ctx, old); err != nil {
		return nil, err
	}
	if violations, _, err = e.withoutImages(old, violations); err != nil {
		return nil, err
	}
	return violations, old.memory.shortage()
}
