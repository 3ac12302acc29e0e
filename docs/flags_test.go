// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package docs_test

import (
	"bytes"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/hookstrap/hookstrap/pkg/command"
	"github.com/hookstrap/hookstrap/pkg/handler/check"
	"github.com/hookstrap/hookstrap/pkg/handler/mutation"
)

// TestFlagsPage holds docs/flags.md to --help of every command.
func TestFlagsPage(t *testing.T) {
	page := "\n"
	for _, name := range commands(t) {
		page += commandSection(t, name)
	}
	got := between(t, "flags.md", "<!-- begin flags -->", "<!-- end flags -->", page)
	if diff := cmp.Diff(page, got); diff != "" {
		t.Errorf("docs/flags.md is not what --help says; run `go test ./docs -update` (-help +page):\n%s", diff)
	}
}

// commandLine is a line of help that names a command.
var commandLine = regexp.MustCompile(`(?m)^  ([a-z]+) +[A-Z]`)

// commands are the names in the program's own help, but for those that have no flags of their own.
func commands(t *testing.T) []string {
	t.Helper()
	var names []string
	for _, line := range commandLine.FindAllStringSubmatch(help(t), -1) {
		switch line[1] {
		case "checks", "completion", "help", "version":
		case "scaffold":
			names = append(names, "scaffold go", "scaffold server", "scaffold sidecar")
		default:
			names = append(names, line[1])
		}
	}
	slices.Sort(names)
	if len(names) < 4 {
		t.Fatalf("only the commands %v were found", names)
	}
	return names
}

// help is what the program says to --help.
func help(t *testing.T, args ...string) string {
	t.Helper()
	var out bytes.Buffer
	code := command.Run(t.Context(), append(args, "--help"), command.Options{
		Stdout: &out, Stderr: &out, Definitions: slices.Concat(check.Definitions(), mutation.Definitions()),
	})
	if code != 0 {
		t.Fatalf("%v --help: exit code %d:\n%s", args, code, &out)
	}
	return out.String()
}

// flagLine is a line of help that begins a flag: its shorthand, its name, its type, and what it means.
var flagLine = regexp.MustCompile(`^ +(?:(-\w), )?(--[\w-]+)(?: (\S+))?  +(.*)$`)

func commandSection(t *testing.T, name string) string {
	t.Helper()
	long, flags, found := strings.Cut(help(t, strings.Fields(name)...), "\n\nUsage:\n")
	_, flags, foundFlags := strings.Cut(flags, "\nFlags:\n")
	if !found || !foundFlags {
		t.Fatalf("--help of %s has no usage or no flags", name)
	}
	var rows []string
	for line := range strings.Lines(flags) {
		part := flagLine.FindStringSubmatch(strings.TrimRight(line, "\n"))
		switch {
		case part == nil && len(rows) > 0: // The description goes on.
			rows[len(rows)-1] += " " + cell(line)
		case part == nil:
			t.Fatalf("%s: %q is no flag", name, line)
		case part[2] != "--help":
			rows = append(rows, flagCell(part)+" | "+cell(part[4]))
		}
	}
	return fmt.Sprintf("\n## webhook %s\n\n```text\n%s\n```\n\n| flag | |\n|---|---|\n| %s |\n", name, long, strings.Join(rows, " |\n| "))
}

// flagCell is the names of a flag, and what it takes.
func flagCell(part []string) string {
	names := "`" + part[2] + "`"
	if part[1] != "" {
		names = "`" + part[1] + "`, " + names
	}
	if part[3] != "" {
		names += " " + cell(part[3])
	}
	return names
}
