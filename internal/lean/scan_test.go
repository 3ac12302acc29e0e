// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package lean

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/hookstrap/hookstrap/test/sample"
)

// nested is a value in so many lists.
func nested(levels int) []byte {
	return []byte(strings.Repeat("[", levels) + "1" + strings.Repeat("]", levels))
}

func TestSkipStopsAtDepth(t *testing.T) {
	if text := nested(maxDepth); skip(text, 0) != len(text) {
		t.Errorf("%d levels are too many", maxDepth)
	}
	if text := nested(maxDepth + 1); skip(text, 0) != bad {
		t.Errorf("%d levels are not too many", maxDepth+1)
	}
}

func TestSkipTellsObjectsFromLists(t *testing.T) {
	for _, text := range []string{`[}`, `{]`, `{"a":[}]`, `[{"a":1]}`, `[1}`, `{"a":1]`, `{"a"}`, `["a":1]`, `{1:2}`, `[,]`, `{,}`} {
		if skip([]byte(text), 0) != bad {
			t.Errorf("%s passes for JSON", text)
		}
	}
}

// FuzzSkip holds skip to the standard library's idea of JSON.
func FuzzSkip(f *testing.F) {
	review, err := sample.Review(0)
	if err != nil {
		f.Fatal(err)
	}
	places := sample.Values(review)
	for _, text := range []string{
		`{"a":[1,-2.5e+3,true,false,null,{},[],"x\u00e4\n"]}`, ` { } `, `[ ]`, `"\uD800"`, "\"\x1f\"", "\"\x7f\xff\"", `"\x"`,
		`"\u12g4"`, `01`, `-`, `1.`, `.5`, `1e`, `1E+05`, `tru`, `nul`, `[1,]`, `{"a":1,}`, `{"a" : 1 , "b":2}`, `"abcdefg\"`,
		`"abcdefgh`, `"abcdefg\\"`, `12345678"`, "\t\r\n1\v",
	} {
		f.Add(uint8(0), uint16(0), []byte(text))
		f.Add(uint8(1), uint16(7), []byte(text))
	}
	f.Fuzz(func(t *testing.T, mode uint8, at uint16, text []byte) {
		text = sample.Mutate(review, places, mode, int(at), text)
		end := skip(text, 0)
		ok, want := end != bad && space(text, end) == len(text), json.Valid(text)
		if ok && !want || want && !ok && strings.Count(string(text), "[")+strings.Count(string(text), "{") <= maxDepth {
			t.Fatalf("valid: %t, want %t: %q", ok, want, text)
		}
	})
}

func BenchmarkSkip(b *testing.B) {
	review, err := sample.Review(8800)
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(len(review)))
	b.ReportAllocs()
	for b.Loop() {
		skip(review, 0)
	}
}

func BenchmarkProject(b *testing.B) {
	review, err := sample.Review(8800)
	if err != nil {
		b.Fatal(err)
	}
	cut := func(name []byte) (Verdict, Shape) {
		if string(name) == "object" {
			return Cut, Slim
		}
		return Read, nil
	}
	top := func([]byte) (Verdict, Shape) { return Read, cut }
	b.SetBytes(int64(len(review)))
	b.ReportAllocs()
	for b.Loop() {
		if _, ok := project(review, top); !ok {
			b.Fatal("no")
		}
	}
}
