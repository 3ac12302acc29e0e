// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package handler

import (
	"sync"

	"github.com/prometheus/client_golang/prometheus"
)

// decision is what became of a request or of a check; it is a label of the metrics.
type decision string

const (
	decisionAllowed decision = "allowed"
	decisionDenied  decision = "denied"
	decisionError   decision = "error"
	decisionInvalid decision = "invalid" // the request was no admission review
	decisionWarned  decision = "warned"
	decisionAudited decision = "audited"
	decisionChanged decision = "changed" // by a mutation
)

// counterKey is what tells the counters of one check, or of all requests, apart.
type counterKey struct {
	decision            decision
	operation, resource string
}

// counters keep such counters at hand: finding one by five labels costs more than many a check.
type counters struct {
	mu    sync.RWMutex
	known map[counterKey]prometheus.Counter
}

func (c *counters) get(key counterKey, find func() prometheus.Counter) prometheus.Counter {
	c.mu.RLock()
	counter := c.known[key]
	c.mu.RUnlock()
	if counter != nil {
		return counter
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.known == nil {
		c.known = map[counterKey]prometheus.Counter{}
	}
	if c.known[key] == nil {
		c.known[key] = find()
	}
	return c.known[key]
}
