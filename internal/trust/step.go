// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package trust

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/klog/v2"

	"github.com/hookstrap/hookstrap/internal/follow"
	"github.com/hookstrap/hookstrap/internal/timing"
)

// run compares and writes whenever the target changes or what it has to be, until ctx ends.
func (w *worker) run(ctx context.Context) {
	for ctx.Err() == nil {
		changed := w.view.own.next()
		pause(ctx, w.clock, changed, w.step(ctx))
	}
}

// watch keeps the view up to date until ctx ends. It watches by name, so that a role with resourceNames is enough.
func (w *worker) watch(ctx context.Context) {
	target := w.view.target
	follow.Run(ctx, follow.Options{
		Name: target.String(), Resource: w.resource, Selector: follow.ByName(target.Name), Kind: target.Kind.gvk(),
		Store: w.view, Report: func(err error) { w.watched(klog.FromContext(ctx), err) },
	})
}

// watched notes how an attempt to read the target went, and logs it when it is news.
func (w *worker) watched(logger klog.Logger, err error) {
	if err != nil {
		err = unreadable(w.view.target, err)
	}
	switch {
	case !w.view.setWatchErr(err):
	case err != nil:
		logger.Error(err, "Cannot watch, will retry", "target", w.view.target.String())
	default:
		logger.Info("Watching again", "target", w.view.target.String())
	}
}

// step does what has to be done now. It returns how long to wait before another look, or 0 when only a change can
// give new work.
func (w *worker) step(ctx context.Context) time.Duration {
	policy, number := w.policy()
	if number != w.number { // new trust does not wait because the old was fought over
		w.number, w.right, w.pace, w.filled = number, nil, timing.Pace{}, false
	}
	known := w.view.get()
	w.tellForeign(ctx, known)
	live := known.live
	if live == nil && known.synced() && w.scope.creates() {
		live = &unstructured.Unstructured{}
	}
	if live == nil {
		w.late = lateness{}
	}
	if live == nil || known.revision() == w.history {
		return 0
	}
	now, slots := w.clock.Now(), w.scope.slots(live)
	policy.insisted, policy.injected = w.insists.look(w.scope, live, slots, policy, now)
	w.tellInsistence(ctx, live, policy)
	policy.left = w.scope.leave(live, slots, w.called, policy.published, policy.Exact)
	d, later, err := w.decide(live, slots, policy, now)
	if err == nil && d.reason == "" {
		w.due = due{}
		if later > 0 {
			return later
		}
		w.view.setWriteErr(nil)
		w.right = live
		return w.insists.ends(now)
	}
	if wait := w.pace.Wait(now); wait > 0 {
		return wait
	}
	if wait := w.turn(known.revision(), now); wait > 0 {
		return wait
	}
	if err == nil {
		err = w.write(ctx, live, known.revision(), d)
	}
	if err != nil {
		return w.failed(ctx, err)
	}
	return 0
}

// decide compares what is live with the policy, and returns what has to be done now, and in how long there may be more,
// 0 if nothing waits. What is missing does not wait. What there is too much may be the CA of a rotation of which
// another replica has heard first, and taking it out again would set the two of them fighting.
func (w *worker) decide(
	live *unstructured.Unstructured, slots []slot, policy Policy, now time.Time,
) (d decision, later time.Duration, err error) {
	d, err = w.scope.decide(live, slots, policy, now)
	if err != nil {
		return d, 0, err
	}
	w.filled = w.filled || !d.urgent
	if d.reason == "" || !w.filled { // Until all entries trust what we serve, a rollout cannot go on.
		w.late = lateness{}
	}
	if d.reason == "" {
		return d, 0, nil
	}
	if policy, later = w.late.hold(w.scope, live, slots, policy, d, now); later == 0 {
		return d, 0, nil
	}
	d, err = w.scope.decide(live, slots, policy, now)
	return d, later, err
}

// turn is how long another replica may still be first to write what is due now.
func (w *worker) turn(at revision, now time.Time) time.Duration {
	if w.hold == nil {
		return 0
	}
	if w.due.at != at || w.due.number != w.number {
		w.due = due{at, w.number, now}
	}
	return w.due.since.Add(w.hold(at.uid)).Sub(now)
}

// write sends what d has for live, which is at a revision. Losing a race is no error: what the winner wrote comes
// with the watch.
func (w *worker) write(ctx context.Context, live *unstructured.Unstructured, at revision, d decision) error {
	if w.admit != nil {
		if err := w.admit(ctx); err != nil {
			return err
		}
		if w.view.get().revision() != at {
			return nil // What somebody else has written in the meantime is looked at first.
		}
	}
	start := w.clock.Now()
	bounded, cancel := context.WithTimeout(ctx, writeTimeout)
	defer cancel()
	result, err := w.send(bounded, d)
	switch {
	case lost(err):
		w.history = at
		klog.FromContext(ctx).V(2).Info("Somebody else wrote first", "target", w.view.target.String(), "err", err)
		return nil
	case err != nil:
		return err
	case revisionOf(result) == revisionOf(live):
		return errUnchanged
	}
	w.history = at
	w.wrote(ctx, live, d, start)
	w.right = result
	w.insists.took(d.strange)
	return nil
}

// send makes the one request of d.
func (w *worker) send(ctx context.Context, d decision) (*unstructured.Unstructured, error) {
	manager := w.scope.manager
	if d.apply != nil {
		return w.resource.Apply(ctx, w.view.target.Name, d.apply, metav1.ApplyOptions{Force: true, FieldManager: manager})
	}
	patch, err := json.Marshal(d.patch)
	if err != nil {
		return nil, fmt.Errorf("encoding the JSON patch: %w", err)
	}
	return w.patch(ctx, patch, metav1.PatchOptions{FieldManager: manager})
}

// wrote reports that d repaired live.
func (w *worker) wrote(ctx context.Context, live *unstructured.Unstructured, d decision, start time.Time) {
	now := w.clock.Now()
	w.view.setWriteErr(nil)
	written := Write{Target: w.view.target, Entries: d.entries, Reason: d.reason, Duration: now.Sub(start)}
	w.pace.Succeeded()
	if !d.tidies() {
		w.pace.Wrote(now, w.right != nil)
		written.Repairs = w.pace.Repairs()
	}
	if w.right != nil && !d.tidies() {
		written.Overwriter = overwriter(w.view.target.Kind, w.right, live, d.entries, w.scope.manager)
		written.Annotation = injection(live)
	}
	klog.FromContext(ctx).Info("Wrote caBundle", "target", written.Target.String(), "entries", written.Entries,
		"reason", written.Reason, "overwriter", written.Overwriter, "duration", written.Duration)
	if w.observer.Wrote != nil {
		w.observer.Wrote(written)
	}
	if written.Repairs > 0 && w.pace.Fights() && w.observer.Fight != nil {
		w.observer.Fight(written)
	}
}

// failed reports err and returns when to try again.
func (w *worker) failed(ctx context.Context, err error) time.Duration {
	if ctx.Err() != nil {
		return 0
	}
	now := w.clock.Now()
	w.pace.Failed(now, err)
	wait := w.pace.Wait(now)
	err = unwritable(w.view.target, err)
	if w.view.setWriteErr(err) {
		klog.FromContext(ctx).Error(err, "Cannot write caBundle, will retry", "target", w.view.target.String(), "in", wait)
	}
	if w.observer.Failed != nil {
		w.observer.Failed(w.view.target, err)
	}
	return wait
}
