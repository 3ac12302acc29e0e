// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package podcert

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/klog/v2"
)

// wait leaves a request pending. If it has waited for some time already, the reason is told once.
func (s *Signer) wait(ctx context.Context, r *Request, why *RefusalError) {
	s.queue.Forget(r.key())
	if waited := time.Since(r.Created); waited < grace {
		s.queue.AddAfter(r.key(), grace-waited)
		return
	}
	if !s.sayings.isNews(r, why.Reason) {
		return
	}
	klog.FromContext(ctx).Info("A request waits", "kind", r.kind(), "request", r.NamespacedName, "pod", r.PodName,
		"reason", why.Reason, "message", why.Message)
	if s.options.Waits != nil {
		s.options.Waits(corev1.ObjectReference{APIVersion: "v1", Kind: "Pod", Namespace: r.Namespace, Name: r.PodName,
			UID: r.PodUID}, fmt.Sprintf("The %s %s waits (%s): %s", r.kind(), r.Name, why.Reason, why.Message))
	}
}

// mostSaid bounds what is remembered: users decide how many requests there are. Of more that wait at the same time
// nothing is said: the metric hookstrap_authority_pending has their number.
const mostSaid = 10_000

// sayings are what was told of the requests that wait. They are safe for concurrent use.
type sayings struct {
	mu   sync.Mutex
	said map[types.NamespacedName]told
}

// told is what was said of a request: the same name may be that of another one later.
type told struct {
	uid    types.UID
	reason string
}

// isNews tells whether a reason is to be told of a request: it has not been, and there is room to remember it.
func (s *sayings) isNews(r *Request, reason string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	before, known := s.said[r.key()]
	now := told{r.UID, reason}
	if before == now || !known && len(s.said) >= mostSaid {
		return false
	}
	s.said[r.key()] = now
	return true
}

// forget forgets a request that has its answer, or is gone.
func (s *sayings) forget(key types.NamespacedName) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.said, key)
}

// mostWaiting is how many CertificateSigningRequests of one Pod may wait: a server has one. A client that has the token
// can make any number of them, and each is kept for a day.
const mostWaiting = 16

// crowded denies a CertificateSigningRequest that would wait, for err, if too many of its Pod have no answer; a server
// asks again. It returns all other errors as they are. A PodCertificateRequest is not denied for that: the kubelet
// makes one for each volume, and does not ask again.
func crowded(r *Request, waiting int, err error) error {
	refused := (*RefusalError)(nil)
	if r.CSR == nil || !errors.As(err, &refused) || refused.Final || waiting <= mostWaiting {
		return err
	}
	return denied(ReasonTooManyRequests, "More than %d requests of the Pod %s have no answer, and this one would wait as "+
		"well (%s): delete those that are not needed, and ask again. %s", mostWaiting, r.pod(), refused.Reason,
		refused.Message)
}
