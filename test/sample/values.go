// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package sample

import (
	"bytes"
	"slices"

	"github.com/go-json-experiment/json/jsontext"
)

// Values lists where each value in a JSON text begins and ends: the whole, and all that is in it.
func Values(text []byte) [][2]int {
	var places [][2]int
	decoder := jsontext.NewDecoder(bytes.NewBuffer(text))
	var open []int // the places of the objects and lists that have not ended
	for {
		token, err := decoder.ReadToken()
		if err != nil {
			return places
		}
		end := int(decoder.InputOffset())
		switch token.Kind() {
		case '}', ']':
			places[open[len(open)-1]][1] = end
			open = open[:len(open)-1]
		case '{', '[':
			open = append(open, len(places))
			places = append(places, [2]int{end - 1, end})
		default:
			if in, n := decoder.StackIndex(decoder.StackDepth()); in != '{' || n%2 == 0 { // not a name
				places = append(places, [2]int{begin(text, end), end})
			}
		}
	}
}

// begin is where the literal, number or string begins that ends at end.
func begin(text []byte, end int) int {
	i := end - 1
	if text[i] != '"' {
		for i > 0 && bytes.IndexByte([]byte(",:[{ \n\t\r"), text[i-1]) < 0 {
			i--
		}
		return i
	}
	for i--; text[i] != '"' || escaped(text, i); i-- { //nolint:revive // there is nothing else to do
	}
	return i
}

// escaped says whether an odd number of backslashes is in front.
func escaped(text []byte, i int) bool {
	n := 0
	for ; text[i-n-1] == '\\'; n++ { //nolint:revive // there is nothing else to do
	}
	return n%2 == 1
}

// Mutate puts other text in place of one of the places in a text (mode 1), or after it, as the next member or item
// (mode 2), or returns the other text alone. It is for fuzz targets, whose own mutations seldom leave JSON.
func Mutate(text []byte, places [][2]int, mode uint8, at int, other []byte) []byte {
	place := places[at%len(places)]
	switch mode % 3 {
	case 1:
		return slices.Concat(text[:place[0]], other, text[place[1]:])
	case 2:
		return slices.Concat(text[:place[1]], []byte{','}, other, text[place[1]:])
	}
	return other
}
