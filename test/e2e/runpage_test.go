// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/hookstrap/hookstrap/test/e2e/cluster"
	"github.com/hookstrap/hookstrap/test/e2e/site"
)

// pageRun is a run of the commands of a page.
type pageRun struct {
	page     string
	sections []string                   // by their headings, "" for what comes before the first; nil for the whole page
	rename   func(script string) string // gives objects of the page other names; nil leaves them
	instead  map[string]func()          // what to do in place of a line: what needs Pods, an image or another machine
	dir      string                     // where the commands run; a new directory if empty
}

// runPage runs every block ```sh of the page, in its order, with the binary of this tree and the cluster's kubectl, and
// returns what they say. A line of instead that is on no run of the page is an error.
func runPage(t *testing.T, c *cluster.Cluster, run pageRun) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(site.Root(), run.page))
	must(t, err)
	if run.dir == "" {
		run.dir = t.TempDir()
	}
	script, done := scriptOf(t, string(text), run.sections), map[string]bool{}
	var said strings.Builder
	pending := ""
	flush := func() {
		if run.rename != nil {
			pending = run.rename(pending)
		}
		said.WriteString(runScript(t, c, run.dir, pending))
		pending = ""
	}
	for line := range strings.Lines(script) {
		if act := run.instead[strings.TrimSpace(line)]; act != nil {
			flush()
			act()
			done[strings.TrimSpace(line)] = true
			continue
		}
		pending += line
	}
	flush()
	for line := range run.instead {
		if !done[line] {
			t.Errorf("%s does not have the line %q", run.page, line)
		}
	}
	return said.String()
}

// scriptOf is the commands of some sections of a page, without their indentation.
func scriptOf(t *testing.T, page string, sections []string) (script string) {
	t.Helper()
	if sections == nil {
		return commandsOf(page)
	}
	parts := map[string]string{}
	for i, part := range strings.Split("\n"+page, "\n## ") {
		title, rest, _ := strings.Cut(part, "\n")
		if i == 0 {
			title, rest = "", part
		}
		parts[title] = rest
	}
	for _, section := range sections {
		commands := commandsOf(parts[section])
		if commands == "" {
			t.Fatalf("the section %q has no commands", section)
		}
		script += commands
	}
	return script
}

func commandsOf(text string) (script string) {
	for _, block := range regexp.MustCompile("(?ms)^( *)```sh\n(.*?)^ *```").FindAllStringSubmatch(text, -1) {
		for line := range strings.Lines(block[2]) {
			script += strings.TrimPrefix(line, block[1])
		}
	}
	return script
}

func runScript(t *testing.T, c *cluster.Cluster, dir, script string) string {
	t.Helper()
	executable, err := binary()
	must(t, err)
	cmd := exec.CommandContext(t.Context(), "sh", "-eux")
	cmd.Stdin, cmd.Dir = strings.NewReader(script), dir
	cmd.Env = append(os.Environ(), "KUBECONFIG="+c.Kubeconfig(), "PATH="+strings.Join([]string{
		filepath.Dir(executable), filepath.Dir(c.Kubectl(t.Context()).Path), os.Getenv("PATH")}, ":"))
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v:\n%s", err, out)
	}
	return string(out)
}
