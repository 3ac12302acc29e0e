// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

// Package poll waits until something holds on a real cluster, which answers in its own time.
package poll

import (
	"context"
	"fmt"
	"time"
)

// interval is short beside anything a cluster does, and long beside a request on loopback.
const interval = 50 * time.Millisecond

// Until calls cond at once and then every 50 ms until it returns nil. When ctx ends first, the error carries the cause
// and the last answer of cond that was not itself the end of ctx.
func Until(ctx context.Context, cond func(ctx context.Context) error) error {
	tick := time.NewTicker(interval)
	defer tick.Stop()
	began := time.Now()
	var last error
	for {
		err := cond(ctx)
		if err == nil {
			return nil
		}
		if ctx.Err() == nil || last == nil {
			last = err
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
		}
		// Checked apart, for select takes any ready case and a condition could be asked indefinitely.
		if ctx.Err() != nil {
			return fmt.Errorf("gave up after %s (%w), last: %w",
				time.Since(began).Round(time.Millisecond), context.Cause(ctx), last)
		}
	}
}
