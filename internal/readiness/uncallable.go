// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package readiness

import (
	"context"
	"strings"
	"sync"

	"k8s.io/klog/v2"
)

// uncallable remembers why the API server cannot call us through some of our entries. Its methods may be called by many
// goroutines.
type uncallable struct {
	mu      sync.Mutex
	reasons string
}

// set logs and reports the reasons if they are not what they were.
func (u *uncallable) set(ctx context.Context, reasons []string, report func(reasons []string)) {
	u.mu.Lock()
	defer u.mu.Unlock()
	joined := strings.Join(reasons, "; ")
	if joined == u.reasons {
		return
	}
	u.reasons = joined
	if joined == "" {
		klog.FromContext(ctx).Info("The API server can call us through all entries again")
	} else {
		klog.FromContext(ctx).Info("The API server cannot call us through some entries, and readiness does not wait for them",
			"reasons", joined)
	}
	report(reasons)
}

// note is the reasons, "" if there are none.
func (u *uncallable) note() string {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.reasons
}
