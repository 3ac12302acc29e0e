// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package docs_test

import (
	"regexp"
	"strings"
	"testing"
)

// The code on the page is that of the example, which is compiled and tested.
func TestAuthorsPageIsTheExample(t *testing.T) {
	example := read(t, "../examples/own-check/owneremail.go") + read(t, "../examples/own-check/main.go")
	blocks := regexp.MustCompile("(?s)```go\n(.*?)```").FindAllStringSubmatch(read(t, "authors.md"), -1)
	if len(blocks) < 4 {
		t.Fatalf("%d blocks of code", len(blocks))
	}
	for _, block := range blocks[:2] {
		for piece := range strings.SplitSeq(strings.TrimSpace(block[1]), "\n\n") {
			if !strings.Contains(example, piece) {
				t.Errorf("the example does not have\n%s", piece)
			}
		}
	}
}
