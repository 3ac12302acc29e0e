// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package bootstrap

import (
	"testing/synctest"
	"time"
)

// after lets d pass in the bubble.
func after(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
}
