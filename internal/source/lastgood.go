// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package source

import (
	"github.com/hookstrap/hookstrap/internal/timing"
	"github.com/hookstrap/hookstrap/internal/trust"
)

// lastGood remembers the CAs that a place held when it could last be read: bad content loses nothing. It belongs to one
// goroutine.
type lastGood struct {
	bundle trust.Bundle
	said   timing.News
}

// keep takes the outcome of a reading and returns what to go by. Where the place cannot be read now, that is what it
// held before, if that is known, and complain is called: once for each complaint, and with nil when that is over.
func (g *lastGood) keep(read trust.Bundle, err error, complain func(error)) (trust.Bundle, error) {
	if err == nil {
		if g.said.Any() {
			complain(nil)
		}
		g.bundle, g.said = read, timing.News{}
		return read, nil
	}
	if g.said.Is(err) {
		complain(err)
	}
	if g.bundle.Empty() {
		return trust.Bundle{}, err
	}
	return g.bundle, nil
}
