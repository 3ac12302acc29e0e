// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package trust

import "sync"

// mostParsed is how many bundles are remembered. Objects of one goal have the same few.
const mostParsed = 64

// parsedBundles remembers what was parsed: a thousand objects have the same caBundle. nil remembers nothing. It may be
// used by many goroutines at once.
type parsedBundles struct {
	mu    sync.Mutex
	known map[string]parsedBundle
}

type parsedBundle struct {
	bundle Bundle
	err    error
}

// parse is [ParseBundle].
func (p *parsedBundles) parse(data []byte) (Bundle, error) {
	if p == nil || len(data) == 0 {
		return ParseBundle(data)
	}
	p.mu.Lock()
	found, known := p.known[string(data)]
	p.mu.Unlock()
	if known {
		return found.bundle, found.err
	}
	found.bundle, found.err = ParseBundle(data)
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.known == nil || len(p.known) >= mostParsed {
		p.known = map[string]parsedBundle{}
	}
	p.known[string(data)] = found
	return found.bundle, found.err
}
