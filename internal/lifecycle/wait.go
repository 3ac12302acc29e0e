// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package lifecycle

import (
	"net/http"
	"time"
)

// firstPatience is less than a probe waits, which is one second unless its
// timeoutSeconds says otherwise.
const firstPatience = 700 * time.Millisecond

// WaitForFirst answers as next does, but until ready is closed it takes up to
// 0.7 s to do so. The kubelet asks about readiness as soon as it sees that a
// container runs, and then once in periodSeconds: a server that needs a moment
// to start would be found ready that much later if it said no at once.
func WaitForFirst(ready <-chan struct{}, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		select {
		case <-ready:
		case <-time.After(firstPatience):
		case <-r.Context().Done():
		}
		next.ServeHTTP(w, r)
	})
}
