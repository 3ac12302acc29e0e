// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package serving

import "time"

// firstRetry is how soon after the first failure the files are read again.
const firstRetry = 250 * time.Millisecond

// patience decides when a failure is worth telling, and when to try again. It is pure: the time is passed in.
type patience struct {
	grace    time.Duration // failures younger than this are not told
	interval time.Duration // the longest delay between tries
	remind   time.Duration // the shortest time between telling the same thing twice

	since    time.Time // when the failures began; zero while all is well
	failures int       // how many there were in a row
	told     string    // what was told last
	toldAt   time.Time
}

// observe takes the outcome of a try, and says whether to tell the error.
func (p *patience) observe(err error, now time.Time) bool {
	if err == nil {
		*p = patience{grace: p.grace, interval: p.interval, remind: p.remind}
		return false
	}
	if p.failures++; p.failures == 1 {
		p.since = now
	}
	if now.Sub(p.since) < p.grace {
		return false
	}
	if err.Error() == p.told && now.Sub(p.toldAt) < p.remind {
		return false
	}
	p.told, p.toldAt = err.Error(), now
	return true
}

// delay is how long to wait before trying again unasked: the interval when all is well, else from a quarter of a
// second doubling up to the interval.
func (p *patience) delay() time.Duration {
	if p.failures == 0 {
		return p.interval
	}
	delay := firstRetry
	for range p.failures - 1 {
		if delay >= p.interval {
			break
		}
		delay *= 2
	}
	return min(delay, p.interval)
}
