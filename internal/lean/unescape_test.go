// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package lean

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	"github.com/hookstrap/hookstrap/test/sample"
)

// unescapeInPieces does so while the text comes, so many bytes at a time.
func unescapeInPieces(text []byte, size int) []byte {
	var data []byte
	for done := 0; len(text) > 0; {
		n := min(size, len(text))
		data = append(data, text[:n]...)
		text = text[n:]
		data, done = Unescape(data, done)
	}
	return data
}

func TestUnescape(t *testing.T) {
	for text, want := range map[string]string{
		``:                             ``,
		`"a"`:                          `"a"`,
		`"\u003ca\u003e\u0026"`:        `"<a>&"`,
		`"\u2028\u2029"`:               "\"\u2028\u2029\"",
		`"\\u003c"`:                    `"\\u003c"`,
		`"\\\u003c"`:                   `"\\<"`,
		`"\\\\u003c\""`:                `"\\\\u003c\""`,
		`"\u0022\u005c\u0000\ud83d\n"`: `"\u0022\u005c\u0000\ud83d\n"`,
		`"\u003`:                       `"\u003`,
		`"\`:                           `"\`,
	} {
		for size := 1; size <= len(text)+1; size++ {
			if got := string(unescapeInPieces([]byte(text), size)); got != want {
				t.Errorf("%s, %d bytes at a time: got %s", text, size, got)
			}
		}
	}
}

// The memory for it is what the text means, and not what is sent.
func TestUnescapedIsAsLongAsWhatItMeans(t *testing.T) {
	want := strings.Repeat("<>&", 100_000)
	text, err := json.Marshal(want)
	if err != nil {
		t.Fatal(err)
	}
	if got := unescapeInPieces(text, 4096); string(got) != `"`+want+`"` {
		t.Errorf("got %d bytes for %d", len(got), len(want))
	}
}

// FuzzUnescape holds it to what the JSON means before, and to the same whatever pieces the text comes in.
func FuzzUnescape(f *testing.F) {
	review, err := sample.Review(0)
	if err != nil {
		f.Fatal(err)
	}
	places := sample.Values(review)
	for _, text := range []string{`"\u003c\\u003e\\\u0026"`, `"\u2028"`, `"\u00\u003c"`, `\u003c`, `{"\u003c":"\ud83d\u003c"}`} {
		f.Add(uint8(0), uint16(0), uint16(3), []byte(text))
		f.Add(uint8(1), uint16(7), uint16(1), []byte(text))
	}
	f.Fuzz(func(t *testing.T, mode uint8, at, size uint16, text []byte) {
		text = sample.Mutate(review, places, mode, int(at), text)
		got := unescapeInPieces(text, int(size)+1)
		if whole := unescapeInPieces(text, len(text)+1); string(whole) != string(got) {
			t.Fatalf("in pieces %q, as a whole %q", got, whole)
		}
		var before, after any
		wantErr, err := json.Unmarshal(text, &before), json.Unmarshal(got, &after)
		if (wantErr == nil) != (err == nil) || !reflect.DeepEqual(before, after) {
			t.Fatalf("%q means %v, %v; %q means %v, %v", text, before, wantErr, got, after, err)
		}
	})
}

func BenchmarkUnescape(b *testing.B) {
	text := []byte(strings.Repeat(`\u003c`, 100_000))
	data := make([]byte, len(text))
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		copy(data, text)
		Unescape(data, 0)
	}
}
