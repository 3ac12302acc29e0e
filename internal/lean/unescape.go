// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package lean

import "bytes"

// LongestEscape is how long an escape sequence is that [Unescape] replaces, in bytes.
const LongestEscape = len(`\u003c`)

// Unescape replaces the escape sequences of <, >, &, U+2028 and U+2029 in data[done:] by the characters, in place, and
// returns the shorter data. Encoders escape these for browsers, so that an object may take six times its size; JSON
// means the same either way. It is for data that is still growing: done is how far it has been gone over before, and is
// returned again. It stops before an escape sequence that is not complete.
func Unescape(data []byte, done int) ([]byte, int) {
	to, from := done, done
	for {
		length := 0
		if from == len(data) || data[from] != '\\' { // they often come in a row
			length = bytes.IndexByte(data[from:], '\\')
		}
		if length < 0 {
			to += copy(data[to:], data[from:])
			return data[:to], to
		}
		to += copy(data[to:], data[from:from+length])
		from += length
		rest := data[from:]
		if len(rest) < 2 || rest[1] == 'u' && len(rest) < LongestEscape {
			return data[:to+copy(data[to:], rest)], to
		}
		if char := escaped(rest); char != "" {
			to += copy(data[to:], char)
			from += LongestEscape
			continue
		}
		to += copy(data[to:], rest[:2])
		from += 2
	}
}

// escaped returns the character whose escape sequence data begins with, if it is one of those for browsers.
func escaped(data []byte) string {
	if data[1] != 'u' {
		return ""
	}
	switch string(data[2:LongestEscape]) { // in the spelling of Go's encoders
	case "003c":
		return "<"
	case "003e":
		return ">"
	case "0026":
		return "&"
	case "2028":
		return "\u2028"
	case "2029":
		return "\u2029"
	}
	return ""
}
