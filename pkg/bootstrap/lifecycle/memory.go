// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package lifecycle

import (
	"os"
	"runtime/debug"
)

// garbagePercent is how much garbage there may be for each byte that lives, in percent. It is GOGC.
const garbagePercent = 400

// TradeMemoryForTime lets the garbage collector run a quarter as often as it would by default. A server of admission
// reviews has a few MB that live, and drops tens of KB with each review: under load it would collect ninety times a
// second, which is a tenth of its time, to keep its heap at a few MB. The heap may then grow to five times what lives,
// and to 16 MB at least; GOMEMLIMIT bounds it as before. If the environment variable GOGC is set, that counts, and
// nothing is done. It is for a program's start.
func TradeMemoryForTime() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(garbagePercent)
	}
}
