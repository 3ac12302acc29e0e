// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package timing

import (
	"crypto/x509"
	"math/rand/v2"
	"time"
)

// A certificate is renewed when between 70 and 90 % of its real lifetime have passed, as the kubelet does it. The
// random part keeps the replicas of one Deployment, started together, from asking all at once.
const (
	renewFrom = 0.7
	renewTo   = 0.9
)

// LongestNap bounds a single sleep: timers stand still while a machine is suspended, so the wall clock is asked again.
const LongestNap = 30 * time.Second

// RenewalTime picks the moment to renew leaf; random is in [0,1).
func RenewalTime(leaf *x509.Certificate, random float64) time.Time {
	lifetime := leaf.NotAfter.Sub(leaf.NotBefore)
	fraction := renewFrom + (renewTo-renewFrom)*random
	return leaf.NotBefore.Add(time.Duration(float64(lifetime) * fraction))
}

// NextRenewal picks the moment to renew a leaf that was obtained at now. A signer may backdate what it signs by more
// than it is good for, or have a clock far behind ours: the usual moment has passed then, and coming back at once would
// get one more like it, and so on as fast as the API server answers. Half of what remains is waited for in any case.
func NextRenewal(leaf *x509.Certificate, random float64, now time.Time) time.Time {
	usual, half := RenewalTime(leaf, random), now.Add(leaf.NotAfter.Sub(now)/2)
	if usual.Before(half) {
		return half
	}
	return usual
}

// Jittered is the random number for [RenewalTime].
func Jittered() float64 {
	return rand.Float64() // #nosec G404 -- spreads load, protects nothing.
}

// NapUntil is how long to sleep before looking at the wall clock again; 0 or less means that due is there. Both times
// lose their monotonic reading: it does not advance in a suspended machine.
func NapUntil(due, now time.Time) time.Duration {
	return min(due.Round(0).Sub(now.Round(0)), LongestNap)
}

// ClockSkew is how far ahead of ours a signer's clock may be; package csr refuses what begins later than that.
const ClockSkew = time.Minute

// FromTheFuture tells whether the clock was set back, after leaf had been obtained, to before leaf begins: no API
// server with the right time takes it then. The leaf may be nil.
func FromTheFuture(leaf *x509.Certificate, now time.Time) bool {
	return leaf != nil && leaf.NotBefore.After(now.Add(ClockSkew))
}

// JudgedAt is the time at which a new leaf is judged: now, or its beginning where the signer's clock is a little ahead
// of ours. Whether it is trusted by then is for the live caBundle to say, at the time it is.
func JudgedAt(leaf *x509.Certificate, now time.Time) time.Time {
	if leaf.NotBefore.After(now) && !FromTheFuture(leaf, now) {
		return leaf.NotBefore
	}
	return now
}
