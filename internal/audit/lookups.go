// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package audit

import (
	"context"
	"fmt"
	"slices"

	"k8s.io/client-go/kubernetes/scheme"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/apiutil"

	"github.com/hookstrap/hookstrap/internal/view"
	"github.com/hookstrap/hookstrap/pkg/handler"
	"github.com/hookstrap/hookstrap/pkg/handler/config"
)

// lookups are what checks look up, of types that are listed when they are added.
type lookups interface {
	client.Reader
	Add(ctx context.Context, types ...client.Object) error
}

// build makes the checks, with what they look up. A check that cannot look it up would fail for every object: it is
// left out, and that is said once.
func (r *run) build() error {
	c, cluster := r.options.Configuration, r.options.Cluster
	if cluster == nil && len(c.Reads()) > 0 {
		listed, err := r.source.lookups(r.ctx)
		if err != nil {
			return err
		}
		if c, err = r.listed(c, listed); err != nil {
			return err
		}
		cluster = listed
	}
	entries, err := c.Build(handler.Environment{Cluster: cluster, Clean: handler.CleanEverywhere()})
	if err != nil {
		return err
	}
	r.handler, err = handler.New(handler.Options{Entries: entries})
	return err
}

// listed lists what checks look up, and returns the checks without those for which that failed.
func (r *run) listed(c config.Configuration, cluster lookups) (config.Configuration, error) {
	for _, obj := range c.Reads() {
		err := cluster.Add(r.ctx, obj)
		if err == nil {
			continue
		}
		if r.ctx.Err() != nil {
			return c, r.ctx.Err()
		}
		part := &PartError{Resource: nameOf(obj), Err: err}
		c.Checks = slices.Clone(c.Checks)
		for i := range c.Checks {
			check := &c.Checks[i]
			one := config.Configuration{Checks: []config.Check{*check}}
			if slices.ContainsFunc(one.Reads(), func(read client.Object) bool { return view.Same(read, obj) }) {
				part.Checks = append(part.Checks, check.Definition.Name)
				check.Mode = handler.Off
			}
		}
		if len(part.Checks) > 0 && !r.yield(Result{}, part) {
			return c, errStopped
		}
	}
	return c, nil
}

// nameOf says of which kind the objects are that are read.
func nameOf(read client.Object) string {
	obj := view.TypeOf(read)
	kind, err := apiutil.GVKForObject(obj, scheme.Scheme)
	if err != nil {
		return fmt.Sprintf("%T", obj)
	}
	return kind.GroupKind().String() + " objects"
}
