// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package authority

import (
	"context"
	"fmt"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	utilnet "k8s.io/apimachinery/pkg/util/net"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/tools/cache"
)

// relister makes a reflector list again after an outage.
//
// A reflector that cannot reach the API server asks for the same watch until it can, from the resource version that it
// has seen last. If etcd was restored from a backup meanwhile, that version is in the future: the watch then begins
// without a complaint, and shows nothing until as many writes have happened once more. A list has no such blind spot,
// because the API server says that the version is too large. See package trust, which does the same.
type relister struct {
	*cache.ListWatch
}

// WatchWithContext implements [cache.WatcherWithContext]. It hides the type of those errors after which a reflector
// would try again without a list.
func (r relister) WatchWithContext(ctx context.Context, options metav1.ListOptions) (watch.Interface, error) {
	events, err := r.ListWatch.WatchWithContext(ctx, options)
	if utilnet.IsConnectionRefused(err) || apierrors.IsTooManyRequests(err) {
		return nil, fmt.Errorf("watching: %s", err.Error())
	}
	return events, err
}
