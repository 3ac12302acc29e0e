// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package report

import "sync/atomic"

// Problem is the last error, which readiness gives as its reason; a success clears it.
type Problem struct {
	last atomic.Pointer[error]
}

func (p *Problem) set(err error) { p.last.Store(&err) }

// Keep sets the problem unless there is one: the error of an ended context says less than the one before.
func (p *Problem) Keep(err error) { p.last.CompareAndSwap(nil, &err) }

func (p *Problem) clear() { p.last.Store(nil) }

// Or returns the problem, or fallback if there is none.
func (p *Problem) Or(fallback error) error {
	if err := p.last.Load(); err != nil {
		return *err
	}
	return fallback
}
