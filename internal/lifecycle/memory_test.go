// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package lifecycle

import (
	"math"
	"runtime/debug"
	"testing"

	"github.com/KimMachineGun/automemlimit/memlimit"
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

// The limit is nine tenths of the container's, follows it, and leaves alone what somebody else has set.
func TestMemoryLimit(t *testing.T) {
	none := func() (uint64, error) { return 0, memlimit.ErrNoLimit }
	limited := func(bytes uint64) func() (uint64, error) { return func() (uint64, error) { return bytes, nil } }
	unknown := func() (uint64, error) { return 0, memlimit.ErrNoCgroup }
	for name, tt := range map[string]struct {
		env           string
		before        int64
		first, second func() (uint64, error)
		want          [2]int64
	}{
		"none":              {"", math.MaxInt64, none, none, [2]int64{math.MaxInt64, math.MaxInt64}},
		"a limit":           {"", math.MaxInt64, limited(1000 << 20), limited(1000 << 20), [2]int64{900 << 20, 900 << 20}},
		"a higher limit":    {"", math.MaxInt64, limited(1000 << 20), limited(2000 << 20), [2]int64{900 << 20, 1800 << 20}},
		"a limit goes":      {"", math.MaxInt64, limited(1000 << 20), none, [2]int64{900 << 20, math.MaxInt64}},
		"it cannot be read": {"", math.MaxInt64, limited(1000 << 20), unknown, [2]int64{900 << 20, 900 << 20}},
		"the environment":   {"2GiB", 2 << 30, limited(1000 << 20), none, [2]int64{2 << 30, 2 << 30}},
		"it is off":         {"off", math.MaxInt64, limited(1000 << 20), none, [2]int64{math.MaxInt64, math.MaxInt64}},
		"the program":       {"", 3 << 30, limited(1000 << 20), limited(2000 << 20), [2]int64{3 << 30, 3 << 30}},
		"more than int64":   {"", math.MaxInt64, limited(math.MaxUint64), none, [2]int64{math.MaxInt64, math.MaxInt64}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv("GOMEMLIMIT", tt.env)
			defer debug.SetMemoryLimit(debug.SetMemoryLimit(tt.before))
			m := &MemoryLimit{}
			for i, read := range []func() (uint64, error){tt.first, tt.second} {
				m.read = read
				m.Set(t.Context())
				if got := debug.SetMemoryLimit(-1); got != tt.want[i] {
					t.Errorf("step %d: the limit is %d, want %d", i, got, tt.want[i])
				}
			}
		})
	}
}
