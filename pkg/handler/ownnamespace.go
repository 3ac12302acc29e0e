// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package handler

import "context"

// ownNamespace notices reviews that should not have been asked for.
type ownNamespace struct {
	name   string
	notice func(ctx context.Context, resource string)
}

// look calls notice for a review of an object in our own namespace.
func (o ownNamespace) look(ctx context.Context, req *Request) {
	if o.notice == nil || o.name == "" || req.Namespace != o.name {
		return
	}
	o.notice(ctx, req.Resource.Resource)
}
