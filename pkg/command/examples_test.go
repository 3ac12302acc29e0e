// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package command

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/hookstrap/hookstrap/pkg/handler/check"
)

const examples = "../handler/check/examples"

// TestExamplesOfTheChecks: the command check denies what is documented as denied, and admits what is documented as
// admitted, with that check alone.
func TestExamplesOfTheChecks(t *testing.T) {
	names := checkNames()
	for _, d := range check.Definitions() {
		name := d.Name
		t.Run(name, func(t *testing.T) {
			folder := filepath.Join(examples, name)
			configuration := "apiVersion: hookstrap.dev/v1alpha1\nkind: CheckConfiguration\nchecks:\n"
			for _, other := range names {
				if other != name {
					configuration += "  " + other + ": {mode: \"off\"}\n"
				}
			}
			configuration += "  " + name + ":\n    mode: deny\n" + indented(t, filepath.Join(folder, "parameters.yaml"))
			config := filepath.Join(t.TempDir(), "checks.yaml")
			if err := os.WriteFile(config, []byte(configuration), 0o600); err != nil {
				t.Fatal(err)
			}
			denied, says := exitFailure, name+": "
			if d.Doc.Operation != "" { // Manifests are created, and neither deleted nor connected to.
				denied, says = exitOK, "0 denied"
			}
			wantVerdict(t, config, filepath.Join(folder, "denied.yaml"), denied, says)
			wantVerdict(t, config, filepath.Join(folder, "admitted.yaml"), exitOK, "1 object in 1 file: 0 denied, 0 warnings\n")
		})
	}
}

// Nothing is embedded that no check has.
func TestExamplesBelongToChecks(t *testing.T) {
	folders, err := os.ReadDir(examples)
	if err != nil {
		t.Fatal(err)
	}
	for _, folder := range folders {
		if !slices.Contains(checkNames(), folder.Name()) {
			t.Errorf("%s has examples of %s, which is no check", examples, folder.Name())
		}
	}
}

func checkNames() (names []string) {
	for _, d := range check.Definitions() {
		names = append(names, d.Name)
	}
	return names
}

// indented is what a file has, for a place in the configuration below the name of a check. It need not be there.
func indented(t *testing.T, path string) (text string) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(data)) {
		text += "    " + line
	}
	return text
}

func wantVerdict(t *testing.T, config, manifest string, code int, says string) {
	t.Helper()
	var stdout, stderr bytes.Buffer
	got := run(t.Context(), []string{"check", "-f", manifest, "--config", config}, &stdout, &stderr)
	if got != code || !strings.Contains(stdout.String(), says) || stderr.Len() > 0 {
		t.Errorf("%s: exit code %d, want %d and %q: %s%s", manifest, got, code, says, &stdout, &stderr)
	}
}
