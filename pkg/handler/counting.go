// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package handler

import (
	"context"
	"slices"

	admissionv1 "k8s.io/api/admission/v1"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/klog/v2"
)

// dropCarriedOver removes the violations of an update which the old object had as well. An object that is older than
// the policy can then still be changed where the policy does not look: be scaled, labeled, or lose its finalizer. As
// the object may only keep the violations it has or lose some, it gets better over time and never worse.
//
// This matters most for Pods, nearly all of whose spec cannot be changed: denying the update of a Pod for something
// its owner can no longer do anything about helps no user. If the check cannot say what was wrong with the old object,
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

// withoutImages takes out the violations of containers with exempt images, and returns those images. A violation that
// is not at a container stays, and so do all if the object cannot be read, which is the error.
func (e *entry) withoutImages(req *Request, violations []Violation) (rest []Violation, exempt []string, err error) {
	if len(violations) == 0 || len(e.exempt.images) == 0 {
		return violations, nil, nil
	}
	object, err := Object[imaged](req)
	if err != nil {
		return violations, nil, err
	}
	images, known := imagesOf{container: e.container, object: *object}, sets.New[string]()
	for _, v := range violations {
		image := images.at(v.Field)
		switch {
		case image == "" || !e.exempt.images.Match(image):
			rest = append(rest, v)
		case !known.Has(image):
			known.Insert(image)
			exempt = append(exempt, image)
		}
	}
	return rest, exempt, nil
}

// ofPods are the violations of a template of Pods, of a check that denies. The object may stay as it is, but the Pods
// that are made of it from now on are new, and are denied.
func (e *entry) ofPods(req *Request, carried []Violation) []Violation {
	carried = slices.DeleteFunc(carried, func(v Violation) bool { return !e.templates.have(req.Kind, v.Field) })
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
	if violations, err = e.violations(ctx, old); err != nil {
		return nil, err
	}
	if violations, _, err = e.withoutImages(old, violations); err != nil {
		return nil, err
	}
	return violations, old.memory.shortage()
}

const (
	// maxComparisons bounds what an update costs whose violations all have the same identity, before and after: comparing
	// each with each is for a few. Those beyond it count as new ones.
	maxComparisons = 100_000
	// maxParts bounds how many parts all violations may have together that are compared, as they may share long ones.
	maxParts = 1_000_000
)

// recalled are the violations that an object had before an update.
type recalled struct {
	parts       map[string][]sets.Set[string] // by identity
	comparisons int
	compared    int // parts
}

func recall(violations []Violation) *recalled {
	r := &recalled{parts: make(map[string][]sets.Set[string], len(violations))}
	for _, v := range violations {
		id := v.identity()
		known, ok := r.parts[id]
		if ok && len(v.Parts) == 0 {
			continue
		}
		if r.compared += len(v.Parts); r.compared > maxParts {
			break
		}
		r.parts[id] = append(known, sets.New(v.Parts...))
	}
	return r
}

// has says whether there was such a violation, with these parts or more.
func (r *recalled) has(v Violation) bool {
	for _, parts := range r.parts[v.identity()] {
		r.comparisons++
		r.compared += min(len(v.Parts), len(parts))
		if r.comparisons > maxComparisons || r.compared > 2*maxParts {
			return false
		}
		if parts.HasAll(v.Parts...) {
			return true
		}
	}
	return false
}
