// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package lifecycle

import (
	"runtime/debug"
	"testing"
)

func TestTradeMemoryForTime(t *testing.T) {
	for name, tt := range map[string]struct {
		gogc string
		want int
	}{
		"by default":              {"", garbagePercent},
		"as the environment says": {"100", 150},
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv("GOGC", tt.gogc)
			defer debug.SetGCPercent(debug.SetGCPercent(150))
			TradeMemoryForTime()
			if got := debug.SetGCPercent(150); got != tt.want {
				t.Errorf("got %d %%, want %d", got, tt.want)
			}
		})
	}
}
