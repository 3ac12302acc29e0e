// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package lifecycle

import (
	"math"
	"runtime/debug"
	"testing"
)

func TestTradeMemoryForTime(t *testing.T) {
	for name, tt := range map[string]struct {
		gogc  string
		limit int64
		want  int
	}{
		"with a limit":            {"", 1 << 40, garbagePercent},
		"without a limit":         {"", math.MaxInt64, 150},
		"as the environment says": {"100", 1 << 40, 150},
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv("GOGC", tt.gogc)
			defer debug.SetMemoryLimit(debug.SetMemoryLimit(tt.limit))
			defer debug.SetGCPercent(debug.SetGCPercent(150))
			TradeMemoryForTime()
			if got := debug.SetGCPercent(150); got != tt.want {
				t.Errorf("got %d %%, want %d", got, tt.want)
			}
		})
	}
}
