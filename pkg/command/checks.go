// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package command

import (
	"context"
	"errors"
	"fmt"

	"k8s.io/klog/v2"
	ctrlmetrics "sigs.k8s.io/controller-runtime/pkg/metrics"

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

// newChecks makes the handler, and what keeps its checks as the configuration file has them. What they read of the
// cluster is watched until ctx ends.
func newChecks(
	ctx context.Context, o *serveOptions, boot *bootstrap.Bootstrapper,
) (*handler.Handler, *reload.Reloader, error) {
	if len(o.checks.configuration.Reads()) > 0 && o.bootstrap.RESTConfig == nil {
		return nil, nil, errors.New("checks that are on read the cluster, and no API server is known: give --kubeconfig, " +
			"or turn them off in --config")
	}
	h, err := handler.New(handler.Options{Registerer: ctrlmetrics.Registry})
	if err != nil {
		return nil, nil, err
	}
	cluster, err := clustercache.NewWithOptions(ctx, o.bootstrap.RESTConfig, clustercache.Options{
		Registerer: ctrlmetrics.Registry,
		OnFull:     func(_ context.Context, what string, err error) { boot.ClusterCacheFull(what, err) },
		OnRoom:     func(_ context.Context, what string) { boot.ClusterCacheComplete(what) },
	})
	if err != nil {
		return nil, nil, err
	}
	reloader, err := reload.New(reload.Options{
		Path: o.checks.path, Definitions: o.checks.definitions, First: o.checks.configuration, Handler: h,
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
	})
	if err != nil {
		return nil, nil, err
	}
	return h, reloader, nil
}
