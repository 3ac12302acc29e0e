// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package docs_test

import (
	"os"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// The table of rooms in ARCHITECTURE.md has every package of the product, and no directory that is not there.
func TestRooms(t *testing.T) {
	var rooms []string
	rows := regexp.MustCompile("(?m)^\\| `([\\w/]+)` \\|")
	for _, row := range rows.FindAllStringSubmatch(read(t, "../ARCHITECTURE.md"), -1) {
		rooms = append(rooms, row[1])
		if _, err := os.Stat(path.Join("..", row[1])); err != nil {
			t.Errorf("a room that is not there: %v", err)
		}
	}
	found := 0
	for _, file := range files(t, ".go") {
		dir := strings.TrimPrefix(path.Dir(file), "../")
		if !strings.HasPrefix(dir, "cmd/") && !strings.HasPrefix(dir, "pkg/") && !strings.HasPrefix(dir, "internal/") {
			continue
		}
		found++
		if !slices.Contains(rooms, dir) {
			t.Errorf("the package of %s is in no row of the table", file)
			rooms = append(rooms, dir) // Once is enough.
		}
	}
	if found == 0 {
		t.Error("no packages were found")
	}
}
