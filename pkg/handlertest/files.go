// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package handlertest

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hookstrap/hookstrap/pkg/handler"
)

// Subject is what the objects of files are given to: see [Alone] and [Server].
type Subject interface {
	expect(t testing.TB, manifest string, want []string)
}

// Alone is a handler without a server. It does with each file what [Expect] does.
func Alone(h *handler.Handler) Subject { return alone{h} }

type alone struct{ handler *handler.Handler }

func (a alone) expect(t testing.TB, manifest string, want []string) {
	t.Helper()
	Expect(t, a.handler, manifest, want...)
}

// wanted is how a comment begins that has a line for [Expect].
const wanted = "# want: "

// ExpectFiles tests what becomes of the object in each file of a directory that ends in .yaml, .yml or .json, as a
// subtest. Comments that begin with "# want: " have the lines for [Expect], in their order:
//
//	# want: deny: owner: metadata.labels[owner]: is missing
//	apiVersion: v1
//	kind: Pod
func ExpectFiles(t *testing.T, directory string, subject Subject) {
	t.Helper()
	var files []string
	for _, extension := range []string{"yaml", "yml", "json"} { // as the command check does
		found, err := filepath.Glob(filepath.Join(directory, "*."+extension))
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, found...)
	}
	if len(files) == 0 {
		t.Errorf("there is no YAML file in %s", directory)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			text, err := os.ReadFile(file) // #nosec G304 -- a file of the test.
			if err != nil {
				t.Fatal(err)
			}
			var want []string
			for line := range strings.Lines(strings.TrimPrefix(string(text), byteOrderMark)) {
				if line, found := strings.CutPrefix(strings.TrimSpace(line), wanted); found {
					want = append(want, line)
				}
			}
			subject.expect(t, string(text), want)
		})
	}
}
