// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package docs_test

import (
	"regexp"
	"strings"
	"testing"
)

// The table of addons.md, which `make addons` writes, has each add-on in the version that is pinned, at least 30 of them.
func TestAddonsTableIsCurrent(t *testing.T) {
	table := tableOf(t, "addons.md", "<!-- begin addons -->", "<!-- end addons -->")
	pins := regexp.MustCompile(`(?m)^([a-z]\S*) (\S+) (\S+) ([0-9a-f]{40}) `).FindAllStringSubmatch(read(t, "../test/addons/addons.txt"), -1)
	if len(pins) < 30 {
		t.Errorf("%d add-ons are pinned, want 30", len(pins))
	}
	for _, pin := range pins {
		if row := "\n| " + pin[1] + " | [" + pin[3] + "](https://github.com/" + pin[2] + "/tree/" + pin[4] + "/"; !strings.Contains(table, row) {
			t.Errorf("docs/addons.md lacks %s %s: run `make addons`", pin[1], pin[3])
		}
	}
	if rows := strings.Count(strings.TrimSpace(table), "\n") + 1; rows != 2+len(pins) {
		t.Errorf("docs/addons.md has %d lines in its table, want %d", rows, 2+len(pins))
	}
}

// The page says which values are not the defaults.
func TestAddonsPageNamesTheValues(t *testing.T) {
	want := "\n| add-on | `--set` |\n|---|---|\n"
	for line := range strings.Lines(read(t, "../test/addons/addons.txt")) {
		if fields := strings.Fields(line); len(fields) > 6 && !strings.HasPrefix(line, "#") {
			want += "| " + fields[0] + " | `" + strings.Join(fields[6:], "` `") + "` |\n"
		}
	}
	if got := between(t, "addons.md", "<!-- begin values -->", "<!-- end values -->", want+"\n"); got != want+"\n" {
		t.Errorf("docs/addons.md names other values than test/addons/addons.txt: run `go test ./docs -update`; want%sgot%s", want, got)
	}
}
