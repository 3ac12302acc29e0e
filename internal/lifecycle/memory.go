// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package lifecycle

import (
	"math"
	"os"
	"runtime/debug"
)

// garbagePercent is how much garbage there may be for each byte that lives, in percent. It is GOGC.
const garbagePercent = 400

// TradeMemoryForTime lets the garbage collector run a quarter as often as it would by default. A server of admission
// reviews has a few MB that live, and drops tens of KB with each review: under load it would collect ninety times a
// second, which is a tenth of its time, to keep its heap at a few MB. The heap may then grow to five times what lives,
// and to 16 MB at least, but not beyond GOMEMLIMIT. Without that limit nothing is done, for nothing would bound what
// the largest reviews leave behind; nor if the environment variable GOGC is set, which counts then. It is for a
// program's start.
func TradeMemoryForTime() {
	if os.Getenv("GOGC") == "" && debug.SetMemoryLimit(-1) != math.MaxInt64 {
		debug.SetGCPercent(garbagePercent)
	}
}
