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
	var in levels
	for {
		if i = space(data, i); i >= len(data) {
			return bad
		}
		var opened, more bool
		if c := data[i]; c == '{' || c == '[' {
			i, opened = in.open(data, i)
		} else {
			i = skipScalar(data, i)
		}
		if opened {
			continue
		}
		if i, more = in.follow(data, i); !more {
			return i
		}
	}
}

// skipValid is as skip, for what is known to be JSON, and takes any number of levels.
func skipValid(data []byte, i int) int {
	for depth := 0; ; {
		switch i = space(data, i); data[i] {
		case '{', '[':
			depth++
			i++
		case '}', ']':
			depth--
			i++
		case ',', ':':
			i++
		default:
			i = skipScalar(data, i)
		}
		if depth == 0 {
			return i
		}
	}
}

// levels are the objects and lists that a position is in.
type levels struct {
	depth   int
	objects uint64 // a bit for each level, the innermost the lowest: an object, or else a list
}

// open goes from a bracket to the first value behind it. It is false when there is none: behind the closing bracket, or
// when something is wrong.
func (l *levels) open(data []byte, i int) (int, bool) {
	c := data[i]
	if i = space(data, i+1); i < len(data) && data[i] == c+2 { // '{'+2 is '}', and '['+2 is ']'
		return i + 1, false
	}
	if l.depth == maxDepth {
		return bad, false
	}
	l.depth++
	l.objects <<= 1
	if c == '{' {
		l.objects |= 1
		i = skipName(data, i)
	}
	return i, i != bad
}

// follow goes from the end of a value to the next value of the same object or list, or out of it. It is false when
// there is none: when the outermost value has ended, or something is wrong. It takes bad for a position.
func (l *levels) follow(data []byte, i int) (int, bool) {
	for l.depth > 0 {
		if i == bad {
			return bad, false
		}
		if i = space(data, i); i >= len(data) {
			return bad, false
		}
		isObject := l.objects&1 == 1
		switch c := data[i]; {
		case c == ',' && isObject:
			i = skipName(data, space(data, i+1))
			return i, i != bad
		case c == ',':
			return i + 1, true
		case c == '}' && isObject, c == ']' && !isObject:
			i++
			l.depth--
			l.objects >>= 1
		default:
			return bad, false
		}
	}
	return i, false
}

// skipName returns the position after the name and the colon of a member.
func skipName(data []byte, i int) int { return skipColon(data, skipString(data, i)) }

// skipColon takes bad for a position.
func skipColon(data []byte, i int) int {
	if i == bad {
		return bad
	}
	if i = space(data, i); i >= len(data) || data[i] != ':' {
		return bad
	}
	return i + 1
}

// space returns the position of the first byte that is no white space. There is none in what API servers send.
func space(data []byte, i int) int {
	if i < len(data) && data[i] > ' ' {
		return i
	}
	return skipSpace(data, i)
}

func skipSpace(data []byte, i int) int {
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

// skipString returns the position after the string that begins at data[i]. It looks at eight bytes at a time, and does
// without a function for each, as most of JSON are short strings.
func skipString(data []byte, i int) int {
	if i >= len(data) || data[i] != '"' {
		return bad
	}
	i++
	for i+8 <= len(data) {
		found := special(binary.LittleEndian.Uint64(data[i:]))
		if found == 0 {
			i += 8
			continue
		}
		i += bits.TrailingZeros64(found) / 8
		if data[i] == '"' {
			return i + 1
		}
		if i = skipEscape(data, i); i == bad {
			return bad
		}
	}
	return skipShort(data, i)
}

// special finds the first of eight bytes that means something in a string: a quote, a backslash or a control character.
// The lowest bit that is set is the highest of that byte (see Hacker's Delight, section 6-1: find first 0-byte).
func special(word uint64) uint64 {
	const ones, high = 0x0101010101010101, 0x8080808080808080
	quote, backslash := word^(ones*'"'), word^(ones*'\\')
	return ((quote-ones)&^quote | (backslash-ones)&^backslash | (word-ones*' ')&^word) & high
}

// skipShort returns the position after a string of which less than eight bytes are left.
func skipShort(data []byte, i int) int {
	for i != bad && i < len(data) && data[i] >= ' ' {
		switch data[i] {
		case '"':
			return i + 1
		case '\\':
			i = skipEscape(data, i)
		default:
			i++
		}
	}
	return bad
}

// skipEscape returns the position after the escape sequence that begins at data[i], and bad if none does.
func skipEscape(data []byte, i int) int {
	if data[i] != '\\' || i+1 >= len(data) {
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
