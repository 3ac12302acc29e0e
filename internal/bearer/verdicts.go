// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package bearer

import (
	"crypto/sha256"
	"sync"
	"time"
)

const (
	// fresh is how long a verdict counts without being asked for again.
	fresh = time.Minute
	// stale is how long it counts when the API server does not answer: what a server says of itself is wanted then most of
	// all.
	stale = 10 * time.Minute
	// maxVerdicts bounds the memory; a few clients scrape.
	maxVerdicts = 64
)

// verdicts are the requests that were allowed, and when. Only those are remembered, so that tokens that are not known
// take no room. The zero value has none.
type verdicts struct {
	mu   sync.Mutex
	when map[[sha256.Size]byte]time.Time
}

// allowed tells whether a request was allowed no longer ago than age.
func (v *verdicts) allowed(key [sha256.Size]byte, now time.Time, age time.Duration) bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	when, ok := v.when[key]
	return ok && now.Sub(when) < age
}

// allow remembers a request. The oldest makes room.
func (v *verdicts) allow(key [sha256.Size]byte, now time.Time) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.when == nil {
		v.when = map[[sha256.Size]byte]time.Time{}
	}
	v.when[key] = now
	if len(v.when) <= maxVerdicts {
		return
	}
	oldest := key
	for each, when := range v.when {
		if when.Before(v.when[oldest]) {
			oldest = each
		}
	}
	delete(v.when, oldest)
}

// forget takes a request back.
func (v *verdicts) forget(key [sha256.Size]byte) {
	v.mu.Lock()
	defer v.mu.Unlock()
	delete(v.when, key)
}
