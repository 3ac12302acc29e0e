// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package authority

import (
	"context"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/tools/cache"

	"github.com/hookstrap/hookstrap/pkg/bootstrap/internal/follow"
)

// relister makes a reflector list again after an outage: see [follow.Relist].
type relister struct {
	*cache.ListWatch

	what string // is listed and watched, for errors
}

// WatchWithContext implements [cache.WatcherWithContext].
func (r relister) WatchWithContext(ctx context.Context, options metav1.ListOptions) (watch.Interface, error) {
	events, err := r.ListWatch.WatchWithContext(ctx, options)
	return events, follow.Relist(r.what, err)
}
