// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package trust

import (
	"time"

	"github.com/hookstrap/hookstrap/internal/timing"
)

const (
	firstDelay  = 500 * time.Millisecond
	longestWait = time.Minute

	// An object that needs a repair again within the window is fighting us. A few repairs are free: helm writes an object
	// more than once in an upgrade, and replicas may learn of a new CA one after the other.
	fightWindow = time.Minute
	freeRepairs = 3
)

// pace says when the next write to one target may go out. The zero value allows it at once.
type pace struct {
	failures  timing.Backoff
	repairs   int // in a row, each within fightWindow of the one before
	notBefore time.Time
}

// wait returns how long to hold the next write back.
func (p *pace) wait(now time.Time) time.Duration { return max(0, p.notBefore.Sub(now)) }

// failed counts a write that has failed with err.
func (p *pace) failed(now time.Time, err error) { p.notBefore = now.Add(p.failures.After(err)) }

// wrote counts a write. A repair is one which restores what had been right before.
func (p *pace) wrote(now time.Time, repair bool) {
	p.failures.Reset()
	switch {
	case !repair:
		p.repairs = 0
	case now.Sub(p.notBefore) < fightWindow:
		p.repairs++
	default:
		p.repairs = 1
	}
	p.notBefore = now.Add(timing.Delay(firstDelay, longestWait, p.repairs-freeRepairs))
}

// fights reports whether the last write made a fight of it: true once for each fight.
func (p *pace) fights() bool { return p.repairs == freeRepairs+1 }
