// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package audit

import (
	"context"
	"errors"
	"slices"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	kjson "sigs.k8s.io/json"

	"github.com/hookstrap/hookstrap/pkg/handler"
)

// errStopped says that the caller wants no more results.
var errStopped = errors.New("stopped")

// run is one run of an Auditor.
type run struct {
	*Auditor

	ctx        context.Context //nolint:containedctx // It is that of the one call which the run is.
	yield      func(Result, error) bool
	namespaces map[string]labels.Set
	owners     *owners
	handler    *handler.Handler
}

// all goes over all kinds. The error is that of the context, or that the caller has heard enough.
func (r *run) all() error {
	if err := r.build(); err != nil {
		return err
	}
	kinds, err := r.source.kinds(r.ctx)
	if err := r.part("", err); err != nil {
		return err
	}
	if err := r.labels(); err != nil {
		return err
	}
	for _, k := range r.plan(kinds) {
		visit := r.judge
		if k.ownersOnly {
			visit = r.own
		}
		err := r.source.list(r.ctx, k.kind, k.ownersOnly, func(raw []byte) error { return visit(k.kind, raw) })
		if err := r.part(k.resource.GroupResource().String(), err); err != nil {
			return err
		}
	}
	return nil
}

// part says that a part could not be judged, if so.
func (r *run) part(resource string, err error) error {
	switch {
	case err == nil || errors.Is(err, errStopped):
		return err
	case r.ctx.Err() != nil:
		return r.ctx.Err()
	case !r.yield(Result{}, &PartError{Resource: resource, Err: err}):
		return errStopped
	}
	return nil
}

// labels reads the labels of namespaces, by which the server is asked or not.
func (r *run) labels() error {
	r.namespaces = map[string]labels.Set{}
	err := r.source.list(r.ctx, namespaceKind(), true, func(raw []byte) error {
		var namespace metav1.PartialObjectMetadata
		if err := kjson.UnmarshalCaseSensitivePreserveInts(raw, &namespace); err != nil {
			return err
		}
		r.namespaces[namespace.Name] = namespace.Labels
		return nil
	})
	return r.part("namespaces", err)
}

// planned is a kind to be read.
type planned struct {
	kind

	ownersOnly bool // not judged, but read to learn whose Pods there are
}

// plan chooses the kinds of which objects are asked about, and the order: owners come before what they own. ReplicaSets
// and Jobs that no one is asked about are read for who owns them, as Pods name no other owner.
func (r *run) plan(kinds []kind) []planned {
	var all []planned
	isAsked := func(k kind) bool {
		return r.options.Asked.AboutAny(k.resource, k.namespaced, admissionregistrationv1.Create)
	}
	hasPods := slices.ContainsFunc(kinds, func(k kind) bool { return k.isPods() && isAsked(k) })
	for _, k := range kinds {
		switch {
		case isAsked(k):
			all = append(all, planned{kind: k})
		case hasPods && k.rank() == rankMiddle:
			all = append(all, planned{kind: k, ownersOnly: true})
		}
	}
	slices.SortStableFunc(all, func(a, b planned) int { return a.rank() - b.rank() })
	return all
}
