// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package lean

// Shape says what becomes of the member of a JSON object that has the given name, and what is read of the member's own
// members, if not all. For a list of objects it says so of each of them. What is neither is read as it is.
//
// It is a function so that it needs no state and no memory: a switch over names. Names with an escape sequence, which
// could be any, are not asked about but read.
type Shape func(name []byte) (Verdict, Shape)

// Verdict is what becomes of a member.
type Verdict int

const (
	// Drop passes over the member.
	Drop Verdict = iota
	// Read gives it to the decoder.
	Read
	// Cut passes over the member and returns where it is; see [DecodeAround]. What its shape reads is returned beside it.
	Cut
)
