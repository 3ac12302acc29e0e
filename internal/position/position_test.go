// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package position

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const document = `# a comment
apiVersion: v1
metadata:
  labels:
    app.kubernetes.io/name: web
spec:
  containers:
  - name: a
    image: x
  - {name: b, image: y}
  base: &base
    deep: 1
  alias: *base
`

func TestLine(t *testing.T) {
	d := Parse([]byte(document), 10)
	for path, want := range map[string]int{
		"":                12,
		"apiVersion":      12,
		"metadata.labels": 14,
		"metadata.labels[app.kubernetes.io/name]": 15,
		"metadata.labels[team]":                   14, // not there: the nearest above
		"spec.containers[0]":                      18,
		"spec.containers[0].image":                19,
		"spec.containers[1].image":                20,
		"spec.containers[7].image":                17,
		"spec.alias.deep":                         22,
		"nothing.at.all":                          12,
		"[":                                       12,
		"..a[":                                    12,
	} {
		if got := d.Line(path); got != want {
			t.Errorf("%q is on line %d, want %d", path, got, want)
		}
	}
	if got := (Document{}).Line("a"); got != 0 {
		t.Errorf("nothing has a line: %d", got)
	}
	if got := Parse([]byte("a: b: c"), 0).Line("a"); got != 0 {
		t.Errorf("garbage has a line: %d", got)
	}
}

// A map of many keys is not gone over for each of them.
func TestManyKeys(t *testing.T) {
	var text strings.Builder
	text.WriteString("a:\n")
	const n = 50_000
	for i := range n {
		fmt.Fprintf(&text, "  k%d: 1\n", i)
	}
	text.WriteString("  k7: 2\n")
	d := Parse([]byte(text.String()), 0)
	for i := range n {
		if got := d.Line(fmt.Sprintf("a[k%d]", i)); got != i+2 {
			t.Fatalf("k%d is on line %d", i, got)
		}
	}
	if got := d.Line("a.other"); got != 1 {
		t.Errorf("line %d, want that of the map", got)
	}
}

func TestItem(t *testing.T) {
	d := Parse([]byte("kind: List\nitems:\n- a: 1\n- a: 2\n  b: 3\n"), 0)
	if got := d.Item("items", 1).Line("b"); got != 5 {
		t.Errorf("line %d, want 5", got)
	}
	if got := d.Item("items", 2).Line("b"); got != 0 {
		t.Errorf("line %d, want none", got)
	}
}

func TestDuplicates(t *testing.T) {
	d := Parse([]byte("a: 1\nb:\n  c: 1\n  c: 2\n  d: [{e: 1, e: 2}]\na: 2\n"), 0)
	want := []Duplicate{{Key: "a", Line: 6, First: 1}, {Key: "c", Line: 4, First: 3}, {Key: "e", Line: 5, First: 5}}
	if diff := cmp.Diff(want, d.Duplicates()); diff != "" {
		t.Error(diff)
	}
}

// Paths are made of what users write.
func FuzzLine(f *testing.F) {
	f.Add("a: {b: [1]}", "a.b[0]")
	f.Add(document, "metadata.labels[x]")
	f.Fuzz(func(t *testing.T, data, path string) {
		d := Parse([]byte(data), 0)
		if line := d.Line(path); line < 0 {
			t.Errorf("line %d", line)
		}
		d.Duplicates()
	})
}
