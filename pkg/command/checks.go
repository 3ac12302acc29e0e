// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package command

import (
	"context"
	"errors"
	"fmt"

	"golang.org/x/sync/errgroup"
	"k8s.io/klog/v2"
	ctrlmetrics "sigs.k8s.io/controller-runtime/pkg/metrics"

	"github.com/hookstrap/hookstrap/internal/clean"
	"github.com/hookstrap/hookstrap/internal/clustercache"
	"github.com/hookstrap/hookstrap/internal/reload"
	"github.com/hookstrap/hookstrap/internal/serving"
	"github.com/hookstrap/hookstrap/pkg/bootstrap"
	"github.com/hookstrap/hookstrap/pkg/handler"
)

// refused is for readiness to say: why the configuration file is not in use as it is now. The last good one is.
func refused(r *reload.Reloader) func() string {
	return func() string {
		if err := r.Refused(); err != nil {
			return fmt.Sprintf("the last good configuration stays in use: %v", err)
		}
		return ""
	}
}

// checks are the handler, and what keeps its checks as the configuration file and the cluster have them.
type checks struct {
	handler  *handler.Handler
	reloader *reload.Reloader
	keeper   *clean.Keeper // nil where no API server is known
}

// newChecks makes the checks. What they read of the cluster is watched until ctx ends.
func newChecks(ctx context.Context, o *serveOptions, boot *bootstrap.Bootstrapper) (c checks, err error) {
	first := o.checks.configuration
	if (len(first.Reads()) > 0 || needsClean(first)) && o.bootstrap.RESTConfig == nil {
		return c, errors.New("checks that are on read the cluster, and no API server is known: give --kubeconfig, " +
			"or turn them off in --config")
	}
	onNoticed, err := noticed(ctx, o)
	if err != nil {
		return c, err
	}
	if c.handler, err = handler.New(handler.Options{Registerer: ctrlmetrics.Registry, OnNoticed: onNoticed}); err != nil {
		return c, err
	}
	cluster, err := clustercache.NewWithOptions(ctx, o.bootstrap.RESTConfig, clustercache.Options{
		Registerer: ctrlmetrics.Registry,
		OnFull:     func(_ context.Context, what string, err error) { boot.ClusterCacheFull(what, err) },
		OnRoom:     func(_ context.Context, what string) { boot.ClusterCacheComplete(what) },
	})
	if err != nil {
		return c, err
	}
	options := reload.Options{
		Path: o.checks.path, Definitions: o.checks.definitions, First: first, Handler: c.handler,
		Cluster: cluster, Watch: serving.WatchFile, Registerer: ctrlmetrics.Registry,
		OnError: func(ctx context.Context, err error) {
			klog.FromContext(ctx).Error(err, "The check configuration is not used, the last good one stays",
				"file", o.checks.path)
			boot.ChecksNotReloaded(err)
		},
		OnRecovered: func(ctx context.Context, hash string) {
			klog.FromContext(ctx).Info("The check configuration is used again", "file", o.checks.path, "hash", hash)
			boot.ChecksReloaded(hash)
		},
	}
	if o.bootstrap.RESTConfig != nil {
		if c.keeper, err = newKeeper(o, boot); err != nil {
			return c, err
		}
		ready := func(ctx context.Context) error { return c.reloader.Ready(ctx) }
		options.Clean, options.OnUse = c.keeper, cleanUse(c.keeper, o, cluster, ready)
	}
	c.reloader, err = reload.New(options)
	return c, err
}

// run keeps the checks until ctx ends.
func (c checks) run(ctx context.Context, group *errgroup.Group, server *bootstrap.Server) {
	server.AddCondition(bootstrap.Condition{Name: "checks", Check: c.ready, Note: refused(c.reloader)})
	group.Go(func() error { return c.reloader.Run(ctx) })
	if c.keeper != nil {
		group.Go(func() error { return c.keeper.Run(ctx) })
	}
}

// ready returns nil once the checks know what they need.
func (c checks) ready(ctx context.Context) error {
	if err := c.reloader.Ready(ctx); err != nil || c.keeper == nil {
		return err
	}
	return c.keeper.Ready(ctx)
}
