// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package podcert

import (
	"context"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/klog/v2"
)

// wait leaves a request pending. If it has waited for some time already, the reason is told once.
func (s *Signer) wait(ctx context.Context, r *Request, why *RefusalError) {
	s.queue.Forget(r.key())
	if waited := time.Since(r.Created); waited < grace {
		s.queue.AddAfter(r.key(), grace-waited)
		return
	}
	if !s.isNews(r, why.Reason) {
		return
	}
	klog.FromContext(ctx).Info("A request waits", "kind", r.kind(), "request", r.NamespacedName, "pod", r.PodName,
		"reason", why.Reason, "message", why.Message)
	if s.options.Waits != nil {
		s.options.Waits(corev1.ObjectReference{APIVersion: "v1", Kind: "Pod", Namespace: r.Namespace, Name: r.PodName,
			UID: r.PodUID}, fmt.Sprintf("The %s %s waits (%s): %s", r.kind(), r.Name, why.Reason, why.Message))
	}
}

// mostSaid bounds what is remembered: users decide how many requests there are.
const mostSaid = 10_000

// isNews tells whether a reason has not been told of a request.
func (s *Signer) isNews(r *Request, reason string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.said[r.UID] == reason {
		return false
	}
	if len(s.said) >= mostSaid {
		clear(s.said)
	}
	s.said[r.UID] = reason
	return true
}
