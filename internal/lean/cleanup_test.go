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

func cleansUp(text []byte) bool {
	var c Cleanup
	_, _ = c.Write(text)
	return c.Holds()
}

// update is the review of an update.
func update(object, old string) string {
	return `{"kind":"AdmissionReview","request":{"uid":"u","userInfo":{"groups":["a"]},"object":` + object + `,"oldObject":` +
		old + `,"dryRun":false}}`
}

func TestCleanup(t *testing.T) {
	const (
		deleted = `{"kind":"Pod","metadata":{"name":"a","deletionTimestamp":"2026-01-01T00:00:00Z","finalizers":["x"]},` +
			`"spec":{"a":[1,{"b":"c,}\""}]},"status":{"x":1}}`
		free = `{"kind":"Pod","metadata":{"name":"a","deletionTimestamp":"2026-01-01T00:00:00Z"},` +
			`"spec":{"a":[1,{"b":"c,}\""}]},"status":{"x":2}}`
	)
	change := func(old, by string) string { return strings.Replace(deleted, old, by, 1) }
	for name, tt := range map[string]struct {
		text string
		want bool
	}{
		"a finalizer and the status": {update(free, deleted), true},
		"with spaces":                {strings.ReplaceAll(update(free, deleted), `":`, "\" :\n"), true},
		"the specification":          {update(strings.Replace(free, "[1,", "[2,", 1), deleted), false},
		"one more member":            {update(strings.Replace(free, `"spec"`, `"type":"x","spec"`, 1), deleted), false},
		"one less":                   {update(strings.Replace(free, `"kind":"Pod",`, "", 1), deleted), false},
		"a member of another name":   {update(strings.Replace(free, `"spec"`, `"sped"`, 1), deleted), false},
		"where a member ends":        {update(strings.Replace(free, `"kind":"Pod"`, `"a":1e5,"":2`, 1), change(`"kind":"Pod"`, `"a":1,"e5":2`)), false},
		"no deletion":                {update(free, change(`"deletionTimestamp":"2026-01-01T00:00:00Z",`, "")), false},
		"a deletion that is null":    {update(free, change(`"2026-01-01T00:00:00Z"`, "null")), false},
		"elsewhere":                  {update(free, change(`"metadata"`, `"other"`)), false},
		"deeper":                     {update(free, change(`"metadata":{`, `"metadata":{"x":{`)), false},
		"twice":                      {update(free, change(`"name":"a"`, `"deletionTimestamp":"x"`)), false},
		"metadata twice":             {update(free, change(`"kind"`, `"metadata":{},"kind"`)), false},
		"an object twice":            {update(free, deleted+`,"object":`+free), false},
		"an odd name":                {update(free, change(`"name"`, `"deletionT\u0069mestamp"`)), false},
		"no object":                  {update("null", deleted), false},
		"lists":                      {update("["+free+"]", "["+deleted+"]"), false},
		"a part":                     {update(free, deleted)[:len(update(free, deleted))-1], false},
		"not in a request":           {strings.Replace(update(free, deleted), `"request"`, `"response"`, 1), false},
		"nothing":                    {"", false},
	} {
		t.Run(name, func(t *testing.T) {
			if got := cleansUp([]byte(tt.text)); got != tt.want {
				t.Errorf("got %t: %s", got, tt.text)
			}
		})
	}
}

// A part of a review may be unescaped, and end within an escape sequence.
func TestCleanupOfEscapeSequences(t *testing.T) {
	old := func(text string) string {
		return `{"metadata":{"deletionTimestamp":"2026-01-01T00:00:00Z"},"data":{"k":"` + text + `","` + text + `":1,"deeper":{"` + text + `":1}}}`
	}
	for _, tt := range []struct {
		one, other string
		same       bool
	}{
		{`<`, `\u003c`, true},
		{`a<>&b`, `a\u003c\u003e\u0026b`, true},
		{"\u2028\u2029", `\u2028\u2029`, true},
		{`\\<`, `\\\u003c`, true},
		{`\u0001<\n\"`, `\u0001\u003c\n\"`, true},
		{`\\u003c`, `\u003c`, false},
		{`\\u003c`, `\\<`, false},
		{`\u003c`, `\u003e`, false},
		{`\u0001`, `\u0002`, false},
		{`\u003C`, `<`, false}, // which no encoder of Go writes
		{"\u2028", `\u2029`, false},
	} {
		text := update(old(tt.one), old(tt.other))
		for cut := range len(text) {
			var c Cleanup
			_, _ = c.Write([]byte(text[:cut]))
			_, _ = c.Write([]byte(text[cut:]))
			if c.Holds() != tt.same {
				t.Errorf("cut at %d: got %t: %s", cut, c.Holds(), text)
				break
			}
		}
		var c Cleanup
		for i := range len(text) {
			_, _ = c.Write([]byte(text[i : i+1]))
		}
		if c.Holds() != tt.same {
			t.Errorf("a byte at a time: got %t: %s", c.Holds(), text)
		}
	}
}

// FuzzCleanup holds it to what the JSON means: what it lets pass changes nothing of an object that is being deleted.
func FuzzCleanup(f *testing.F) {
	pod, err := json.Marshal(sample.Pod(false, 0))
	if err != nil {
		f.Fatal(err)
	}
	deleted := strings.Replace(string(pod), `"metadata":{`, `"metadata":{"deletionTimestamp":"2026-01-01T00:00:00Z",`, 1)
	review := []byte(update(string(pod), deleted))
	if !cleansUp(review) {
		f.Fatal("it is none")
	}
	places := sample.Values(review)
	members := `{"metadata":{"deletionTimestamp":"2026-01-01T00:00:00Z"},`
	for _, text := range []string{update(members+`"a":1,"e5":2}`, members+`"a":1e5,"":2}`), update(`{"a":1e5,"":2}`, members+`"a":1,"e5":2}`)} {
		f.Add(uint8(0), uint16(0), []byte(text))
	}
	for _, text := range []string{`null`, `{"metadata":{}}`, `"spec"`, `"\u006d"`, `[{}]`, `{"a":1,"a":2}`} {
		f.Add(uint8(0), uint16(0), []byte(text))
		f.Add(uint8(1), uint16(7), []byte(text))
	}
	f.Fuzz(func(t *testing.T, mode uint8, at uint16, text []byte) {
		text = sample.Mutate(review, places, mode, int(at), text)
		var meant struct {
			Request struct {
				Object, OldObject map[string]any
			}
		}
		if !json.Valid(text) || !cleansUp(text) || json.Unmarshal(text, &meant) != nil {
			return
		}
		object, old := meant.Request.Object, meant.Request.OldObject
		metadata, _ := old["metadata"].(map[string]any)
		if metadata["deletionTimestamp"] == nil {
			t.Fatalf("it is not being deleted: %s", text)
		}
		for _, name := range []string{"metadata", "status"} {
			delete(object, name)
			delete(old, name)
		}
		if !reflect.DeepEqual(object, old) {
			t.Fatalf("it changes: %s", text)
		}
	})
}

func BenchmarkCleanup(b *testing.B) {
	text := []byte(update(`{"spec":"`+strings.Repeat(`\u0001`, 100_000)+`"}`, `{}`))
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		cleansUp(text)
	}
}
