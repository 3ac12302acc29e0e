// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package timing

import "time"

const (
	firstRepair   = 500 * time.Millisecond
	longestRepair = time.Minute

	// An object that needs a repair again within the window is fighting us. A few repairs are free: helm writes an object
	// more than once in an upgrade, and replicas may learn of a new CA one after the other.
	fightWindow = time.Minute
	freeRepairs = 3
)

// Pace says when the next write to one object may go out. The zero value allows it at once. It is not safe for
// concurrent use.
type Pace struct {
	failures  Backoff
	repairs   int // in a row, each within fightWindow of the one before
	notBefore time.Time
}

// Wait returns how long to hold the next write back.
func (p *Pace) Wait(now time.Time) time.Duration { return max(0, p.notBefore.Sub(now)) }

// Failed counts a write that has failed with err.
func (p *Pace) Failed(now time.Time, err error) { p.notBefore = now.Add(p.failures.After(err)) }

// Succeeded forgets failures, after a write that repairs nothing, and so says nothing of a fight.
func (p *Pace) Succeeded() { p.failures.Reset() }

// Wrote counts a write. A repair is one which restores what had been right before.
func (p *Pace) Wrote(now time.Time, repair bool) {
	p.failures.Reset()
	switch {
	case !repair:
		p.repairs = 0
	case now.Sub(p.notBefore) < fightWindow:
		p.repairs++
	default:
		p.repairs = 1
	}
	p.notBefore = now.Add(Delay(firstRepair, longestRepair, p.repairs-freeRepairs))
}

// Repairs returns how many repairs in a row the last write makes, 0 if it was none.
func (p *Pace) Repairs() int { return p.repairs }

// Fights reports whether the last write made a fight of it: true once for each fight.
func (p *Pace) Fights() bool { return p.repairs == freeRepairs+1 }

// Fought returns in how long a fight is over if no repair is needed until then, 0 if there is none.
func (p *Pace) Fought(now time.Time) time.Duration {
	if p.repairs <= freeRepairs {
		return 0
	}
	return max(0, p.notBefore.Add(fightWindow).Sub(now))
}
