// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package handler

import "context"

// ownNamespace notices reviews that should not have been asked for.
type ownNamespace struct {
	name   string
	notice func(ctx context.Context, resource string)
}

// NoticeNamespace has notice called for each review of an object in a namespace, with the resource. It is for the
// server's own: a webhook that is asked about it cannot start again once all its Pods are gone. bootstrap.Server calls
// it when the handler is registered. The function must not block.
func (h *Handler) NoticeNamespace(name string, notice func(ctx context.Context, resource string)) {
	h.own.Store(&ownNamespace{name, notice})
}

// look calls notice for a review of an object in our own namespace.
func (o *ownNamespace) look(ctx context.Context, req *Request) {
	if o == nil || o.name == "" || req.Namespace != o.name {
		return
	}
	o.notice(ctx, req.Resource.Resource)
}
