// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package bootstrap

import (
	"math/rand/v2"
	"time"

	"crypto/x509"
)

// A certificate is renewed when between 70 and 90 % of its real lifetime have passed, as the kubelet does it. The
// random part keeps the replicas of one Deployment, started together, from asking all at once.
const (
	renewFrom = 0.7
	renewTo   = 0.9
)

// longestNap bounds a single sleep: timers stand still while a machine is suspended, so the wall clock is asked anew.
const longestNap = 30 * time.Second

// renewalTime picks the moment to renew leaf; random is in [0,1).
func renewalTime(leaf *x509.Certificate, random float64) time.Time {
	lifetime := leaf.NotAfter.Sub(leaf.NotBefore)
	fraction := renewFrom + (renewTo-renewFrom)*random
	return leaf.NotBefore.Add(time.Duration(float64(lifetime) * fraction))
}

// jittered is the random number for [renewalTime].
func jittered() float64 {
	return rand.Float64() // #nosec G404 -- spreads load, protects nothing.
}

// napUntil is how long to sleep before looking at the wall clock again; 0 or less means that due is there. Both times
// lose their monotonic reading: it does not advance in a suspended machine.
func napUntil(due, now time.Time) time.Duration {
	return min(due.Round(0).Sub(now.Round(0)), longestNap)
}
