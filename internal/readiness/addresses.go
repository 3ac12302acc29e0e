// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package readiness

import (
	"slices"
	"sync"
)

// addresses remembers from where we have called ourselves of late. The zero value is ready for use.
type addresses struct {
	mu   sync.Mutex
	last []string
}

// mostAddresses is far more than there are handshakes between one and the line about it.
const mostAddresses = 64

func (a *addresses) add(address string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.last = append(a.last, address)
	a.last = a.last[max(0, len(a.last)-mostAddresses):]
}

// take says whether the address is one of them, and forgets it: the next one there may be somebody else.
func (a *addresses) take(address string) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	i := slices.Index(a.last, address)
	if i < 0 {
		return false
	}
	a.last = slices.Delete(a.last, i, i+1)
	return true
}
