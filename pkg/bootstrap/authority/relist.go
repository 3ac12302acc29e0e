// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package authority

import (
	"context"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/tools/cache"

	"github.com/hookstrap/hookstrap/pkg/bootstrap/internal/follow"
)

// relister makes a reflector list again after an outage, what there is by then: see [follow.Relist] and
// [follow.Newest].
type relister struct {
	*cache.ListWatch

	what string // is listed and watched, for errors
}

// ListWithContext implements [cache.ListerWithContext].
func (r relister) ListWithContext(ctx context.Context, options metav1.ListOptions) (runtime.Object, error) {
	return r.ListWatch.ListWithContext(ctx, follow.Newest(options))
}

// WatchWithContext implements [cache.WatcherWithContext].
func (r relister) WatchWithContext(ctx context.Context, options metav1.ListOptions) (watch.Interface, error) {
	events, err := r.ListWatch.WatchWithContext(ctx, options)
	return events, follow.Relist(r.what, err)
}
