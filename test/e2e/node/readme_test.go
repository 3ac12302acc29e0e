// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build node

package node

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hookstrap/hookstrap/test/e2e/site"
)

// readmeInstallOf is readmeInstall with an overlay in place of the base.
func readmeInstallOf(t *testing.T, overlay string) string {
	t.Helper()
	const base = "kubectl apply -k manifests\n"
	commands := readmeInstall(t)
	if !strings.Contains(commands, base) {
		t.Fatalf("the README does not say %q", base)
	}
	return strings.Replace(commands, base, "kubectl apply -k manifests/overlays/"+overlay+"\n", 1)
}

// readmeInstall is the README's way to install: the indented lines at the beginning of that section.
func readmeInstall(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(site.Root(), "README.md"))
	must(t, err)
	_, section, found := strings.Cut(string(text), "\n## Install\n\n")
	var commands []string
	for line := range strings.Lines(section) {
		command, indented := strings.CutPrefix(line, "    ")
		if !indented {
			break
		}
		commands = append(commands, command)
	}
	if !found || len(commands) == 0 {
		t.Fatal("the README's section Install does not begin with commands")
	}
	return strings.Join(commands, "")
}
