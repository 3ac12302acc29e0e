// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package doctor

import (
	"crypto/sha256"
	"slices"
)

// History remembers the caBundles of one look after another, so that one is noticed which two programs write in turn.
// The zero value is ready for use, by one goroutine at a time.
type History struct {
	seen    map[place][][sha256.Size]byte
	putBack map[Object]int
}

// place is where a caBundle is.
type place struct {
	object  Object
	webhook string
}

// mostBundles is how many different caBundles of an entry are remembered.
const mostBundles = 10

// Note adds what was seen, and sets [Facts.PutBack] to what is known.
func (h *History) Note(f *Facts) {
	if h.seen == nil {
		h.seen, h.putBack = map[place][][sha256.Size]byte{}, map[Object]int{}
	}
	counted := map[Object]bool{}
	for i := range f.All {
		e := &f.All[i]
		at, sum := place{e.Object, e.Webhook}, sha256.Sum256(e.ClientConfig.CABundle)
		seen := h.seen[at]
		n := slices.Index(seen, sum)
		switch {
		case n >= 0 && n == len(seen)-1:
			continue
		case n >= 0:
			if !counted[e.Object] {
				h.putBack[e.Object]++
			}
			counted[e.Object] = true
			seen = slices.Delete(seen, n, n+1)
		case len(seen) == mostBundles:
			seen = slices.Delete(seen, 0, 1)
		}
		h.seen[at] = append(seen, sum)
	}
	f.PutBack = h.putBack
}
