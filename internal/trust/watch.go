// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package trust

import (
	"context"

	"k8s.io/client-go/dynamic"
	"k8s.io/klog/v2"

	"github.com/hookstrap/hookstrap/internal/follow"
)

// watcher keeps one view up to date.
type watcher struct {
	view     *view
	resource dynamic.ResourceInterface
	logger   klog.Logger
}

// run watches by name, so that a role with resourceNames is enough, until ctx ends.
func (w *watcher) run(ctx context.Context) {
	target := w.view.target
	follow.Run(ctx, follow.Options{
		Name: target.String(), Resource: w.resource, Selector: follow.ByName(target.Name), Kind: target.Kind.gvk(),
		Store: w.view, Report: w.report,
	})
}

// report notes how an attempt to read the target went, and logs it when it is news.
func (w *watcher) report(err error) {
	if err != nil {
		err = unreadable(w.view.target, err)
	}
	if !w.view.setWatchErr(err) {
		return
	}
	if err != nil {
		w.logger.Error(err, "Cannot watch, will retry", "target", w.view.target.String())
		return
	}
	w.logger.Info("Watching again", "target", w.view.target.String())
}
