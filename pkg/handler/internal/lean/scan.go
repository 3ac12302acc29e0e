// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package lean

import (
	"bytes"
	"encoding/binary"
	"math/bits"
)

// bad is the position returned for what is no JSON, or nested too deeply for this package.
const bad = -1

// maxDepth is how many levels skip keeps track of: one bit for each. Objects of Kubernetes have less than half of it.
const maxDepth = 64

// skip returns the position after the value that begins at or after data[i]. It takes what the grammar of RFC 8259
// allows, and text of any encoding, as Kubernetes' decoder does.
func skip(data []byte, i int) int {
	var objects uint64 // a bit for each level: an object, or else an array
	depth := 0
	for {
		if i = space(data, i); i >= len(data) {
			return bad
		}
		c := data[i]
		if c != '{' && c != '[' {
			i = skipScalar(data, i)
		} else {
			if depth == maxDepth {
				return bad
			}
			depth++
			objects <<= 1
			if c == '{' {
				objects |= 1
			}
			var opened bool
			if i, opened = open(data, i); opened {
				continue
			}
		}
		var more bool
		if i, more = follow(data, i, &depth, &objects); !more {
			return i
		}
	}
}

// open goes from a bracket to the first value behind it. It is false when there is none: at the closing bracket, or
// when something is wrong.
func open(data []byte, i int) (int, bool) {
	c := data[i]
	if i = space(data, i+1); i < len(data) && data[i] == c+2 { // '{'+2 is '}', and '['+2 is ']'
		return i, false
	}
	if c == '{' {
		i = skipName(data, i)
	}
	return i, i != bad
}

// follow goes from the end of a value to the next value of the same object or array, or out of it. It is false when
// there is none: when the outermost value has ended, or something is wrong.
func follow(data []byte, i int, depth *int, objects *uint64) (int, bool) {
	for *depth > 0 {
		if i == bad {
			return bad, false
		}
		if i = space(data, i); i >= len(data) {
			return bad, false
		}
		c, closing := data[i], byte(']')
		i++
		if *objects&1 == 1 {
			closing = '}'
		}
		switch {
		case c == closing:
			*depth--
			*objects >>= 1
		case c != ',':
			return bad, false
		case closing == '}':
			i = skipName(data, space(data, i))
			return i, i != bad
		default:
			return i, true
		}
	}
	return i, false
}

// skipName returns the position after the name and the colon of a member. It takes bad for a position.
func skipName(data []byte, i int) int {
	if i = skipString(data, i); i == bad {
		return bad
	}
	if i = space(data, i); i >= len(data) || data[i] != ':' {
		return bad
	}
	return i + 1
}

func space(data []byte, i int) int {
	for i < len(data) && (data[i] == ' ' || data[i] == '\n' || data[i] == '\r' || data[i] == '\t') {
		i++
	}
	return i
}

func skipScalar(data []byte, i int) int {
	switch data[i] {
	case '"':
		return skipString(data, i)
	case 't':
		return skipLiteral(data, i, "true")
	case 'f':
		return skipLiteral(data, i, "false")
	case 'n':
		return skipLiteral(data, i, "null")
	}
	return skipNumber(data, i)
}

func skipLiteral(data []byte, i int, literal string) int {
	if !bytes.HasPrefix(data[i:], []byte(literal)) {
		return bad
	}
	return i + len(literal)
}

// skipString returns the position after the string that begins at data[i].
func skipString(data []byte, i int) int {
	if i >= len(data) || data[i] != '"' {
		return bad
	}
	i++
	for {
		i = plain(data, i)
		switch {
		case i >= len(data) || data[i] < ' ':
			return bad
		case data[i] == '"':
			return i + 1
		}
		if i = skipEscape(data, i); i == bad {
			return bad
		}
	}
}

// plain returns the position of the first byte that means something in a string: a quote, a backslash or a control
// character. It looks at eight bytes at a time (see Hacker's Delight, section 6-1: find first 0-byte).
func plain(data []byte, i int) int {
	const ones, high = 0x0101010101010101, 0x8080808080808080
	for ; i+8 <= len(data); i += 8 {
		word := binary.LittleEndian.Uint64(data[i:])
		quote, backslash := word^(ones*'"'), word^(ones*'\\')
		found := ((quote-ones)&^quote | (backslash-ones)&^backslash | (word-ones*' ')&^word) & high
		if found != 0 {
			return i + bits.TrailingZeros64(found)/8
		}
	}
	for i < len(data) && data[i] != '"' && data[i] != '\\' && data[i] >= ' ' {
		i++
	}
	return i
}

// skipEscape returns the position after the escape sequence that begins at data[i].
func skipEscape(data []byte, i int) int {
	if i+1 >= len(data) {
		return bad
	}
	switch data[i+1] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return i + 2
	case 'u':
		if i+6 > len(data) {
			return bad
		}
		for _, c := range data[i+2 : i+6] {
			if (c < '0' || c > '9') && (c|0x20 < 'a' || c|0x20 > 'f') {
				return bad
			}
		}
		return i + 6
	}
	return bad
}

func skipNumber(data []byte, i int) int {
	if i < len(data) && data[i] == '-' {
		i++
	}
	if i < len(data) && data[i] == '0' {
		i++
	} else if i = skipDigits(data, i); i == bad {
		return bad
	}
	if i < len(data) && data[i] == '.' {
		if i = skipDigits(data, i+1); i == bad {
			return bad
		}
	}
	if i < len(data) && data[i]|0x20 == 'e' {
		i++
		if i < len(data) && (data[i] == '+' || data[i] == '-') {
			i++
		}
		return skipDigits(data, i)
	}
	return i
}

// skipDigits wants at least one digit.
func skipDigits(data []byte, i int) int {
	start := i
	for i < len(data) && data[i] >= '0' && data[i] <= '9' {
		i++
	}
	if i == start {
		return bad
	}
	return i
}
