// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package docs_test

import (
	"go/parser"
	"go/token"
	"os"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// rooms are those of the table in ARCHITECTURE.md, in the order of its rows.
func rooms(t *testing.T) []string {
	t.Helper()
	var found []string
	row := regexp.MustCompile("(?m)^\\| `([\\w/]+)` \\|")
	for _, match := range row.FindAllStringSubmatch(read(t, "../ARCHITECTURE.md"), -1) {
		found = append(found, match[1])
	}
	return found
}

// The table of rooms in ARCHITECTURE.md has every package of the product, and no directory that is not there.
func TestRooms(t *testing.T) {
	rooms := rooms(t)
	for _, room := range rooms {
		if _, err := os.Stat(path.Join("..", room)); err != nil {
			t.Errorf("a room that is not there: %v", err)
		}
	}
	found := 0
	for _, file := range files(t, ".go") {
		dir := strings.TrimPrefix(path.Dir(file), "../")
		if !isProduct(dir) {
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

func isProduct(dir string) bool { return regexp.MustCompile(`^(cmd|pkg|internal)/`).MatchString(dir) }

// A room imports only rooms that are in rows below its own.
func TestRoomsImportDownwards(t *testing.T) {
	const module = "github.com/hookstrap/hookstrap/"
	rows := map[string]int{}
	for i, room := range rooms(t) {
		rows[room] = i
	}
	arrows := 0
	for _, file := range files(t, ".go") {
		room := strings.TrimPrefix(path.Dir(file), "../")
		row, isRoom := rows[room]
		if !isRoom || !isProduct(room) || strings.HasSuffix(file, "_test.go") {
			continue
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ImportsOnly)
		if err != nil {
			t.Fatal(err)
		}
		for _, spec := range parsed.Imports {
			imported, ours := strings.CutPrefix(strings.Trim(spec.Path.Value, `"`), module)
			if !ours {
				continue
			}
			arrows++
			if rows[imported] <= row {
				t.Errorf("%s imports %s, which is not in a row below %s", file, imported, room)
			}
		}
	}
	if arrows == 0 {
		t.Error("no import was found")
	}
}

// A type with more than fifteen methods has more than one job.
func TestTypesHaveFewMethods(t *testing.T) {
	const most = 15
	methods := map[string]int{}
	method := regexp.MustCompile(`(?m)^func \(\w+ \*?(\w+)`)
	for _, file := range files(t, ".go") {
		room := strings.TrimPrefix(path.Dir(file), "../")
		if !isProduct(room) || strings.HasSuffix(file, "_test.go") {
			continue
		}
		for _, match := range method.FindAllStringSubmatch(read(t, file), -1) {
			methods[room+"."+match[1]]++
		}
	}
	for name, n := range methods {
		if n > most {
			t.Errorf("%s has %d methods, more than %d", name, n, most)
		}
	}
	if len(methods) == 0 {
		t.Error("no methods were found")
	}
}
