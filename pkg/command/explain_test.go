// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package command

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"

	"github.com/hookstrap/hookstrap/pkg/handler/check"
	"github.com/hookstrap/hookstrap/pkg/handler/config"
)

func TestChecksAreListedAndExplained(t *testing.T) {
	code, list, stderr := runSplit(t, "checks", "list")
	if code != 0 {
		t.Fatalf("exit code %d: %s", code, stderr)
	}
	for _, d := range check.Definitions() {
		if !strings.Contains(list, d.Name+" ") || !strings.Contains(list, d.Doc.Summary) {
			t.Errorf("%s is not listed with its summary", d.Name)
		}
		code, text, stderr := runSplit(t, "checks", "explain", d.Name)
		if code != 0 {
			t.Errorf("explain %s: exit code %d: %s", d.Name, code, stderr)
		}
		for _, want := range []string{d.Doc.Summary, d.Doc.Why, "    " + d.Name + ":\n", d.Doc.Subject() + " is denied:\n\n    "} {
			if !strings.Contains(text, want) {
				t.Errorf("explain %s prints\n%swant %q in it", d.Name, text, want)
			}
		}
	}
	code, _, stderr = runSplit(t, "checks", "explain", "imagetag")
	want := "there is no check \"imagetag\": `webhook checks list` prints all"
	if code != 2 || !strings.Contains(stderr, want) {
		t.Errorf("exit code %d, %q; want 2 and %q", code, stderr, want)
	}
}

// What `checks defaults` prints is a configuration, and changes nothing.
func TestPrintedDefaultsAreTheDefaults(t *testing.T) {
	code, printed, stderr := runSplit(t, "checks", "defaults")
	if code != 0 {
		t.Fatalf("exit code %d: %s", code, stderr)
	}
	got, err := config.Parse([]byte(printed), check.Definitions())
	if err != nil {
		t.Fatalf("%v, in\n%s", err, printed)
	}
	for i, want := range config.Default(check.Definitions()).Checks {
		if diff := cmp.Diff(want.Parameters, got.Checks[i].Parameters); diff != "" {
			t.Errorf("%s (-default +printed):\n%s", want.Definition.Name, diff)
		}
		if want.Mode != got.Checks[i].Mode || want.FailurePolicy != got.Checks[i].FailurePolicy {
			t.Errorf("%s: mode %s, failurePolicy %s", want.Definition.Name, got.Checks[i].Mode, got.Checks[i].FailurePolicy)
		}
	}
}

func TestConfigurationIsValidated(t *testing.T) {
	const head = "apiVersion: hookstrap.dev/v1alpha1\nkind: CheckConfiguration\nchecks:\n"
	file := filepath.Join(t.TempDir(), "checks.yaml")
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(file, []byte(head+text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("  imageTag: {mode: warn}\n  podSecurity: {onError: allow}\n")
	code, stdout, stderr := runSplit(t, "checks", "validate", file)
	if want := file + " is valid\npodSecurity  deny\nimageTag     warn\n"; code != 0 || stdout != want {
		t.Errorf("exit code %d, printed %q, want 0 and %q", code, stdout, want)
	}
	if !strings.Contains(stderr, "line 5: ") || !strings.Contains(stderr, "failurePolicy") {
		t.Errorf("warned %q, want a line about failurePolicy", stderr)
	}
	write("  imageTag: {mode: wran}\n  podSecurty: {}\n")
	code, stdout, stderr = runSplit(t, "checks", "validate", file)
	if code != 1 || stdout != "" || !strings.Contains(stderr, "line 4: ") || !strings.Contains(stderr, "line 5: ") {
		t.Errorf("exit code %d, %q, %q; want 1 and both mistakes with their lines", code, stdout, stderr)
	}
}

// The file may come from a pipe, as from kubectl or kustomize.
func TestConfigurationFromStandardInput(t *testing.T) {
	validate := func(stdin io.Reader) (code int, stdout, stderr string) {
		var out, errs bytes.Buffer
		code = Run(t.Context(), []string{"checks", "validate", "-"},
			Options{Stdin: stdin, Stdout: &out, Stderr: &errs, Definitions: check.Definitions()})
		return code, out.String(), errs.String()
	}
	const head = "apiVersion: hookstrap.dev/v1alpha1\nkind: CheckConfiguration\nchecks:\n"
	code, stdout, stderr := validate(strings.NewReader(head + "  imageTag: {mode: warn}\n  podSecurity: {mode: off}\n"))
	if want := "standard input is valid\nimageTag  warn\n"; code != 0 || stdout != want || stderr != "" {
		t.Errorf("exit code %d, printed %q and %q, want 0 and %q", code, stdout, stderr, want)
	}
	code, _, stderr = validate(strings.NewReader(head + "  imageTag: {mood: warn}\n"))
	if code != 1 || !strings.Contains(stderr, "on standard input is not valid: line 4: ") {
		t.Errorf("exit code %d, %q, want 1 and the mistake with its line", code, stderr)
	}
	code, _, stderr = validate(iotest.ErrReader(errors.New("torn")))
	if code != 1 || !strings.Contains(stderr, "from standard input: torn") {
		t.Errorf("exit code %d, %q, want 1 and that it cannot be read", code, stderr)
	}
}

// runSplit runs one command line, and returns what it prints to each of its outputs.
func runSplit(t *testing.T, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	code = run(t.Context(), args, &out, &errs)
	return code, out.String(), errs.String()
}

func TestUnknownCommandOfChecks(t *testing.T) {
	for line, want := range map[string]string{
		"checks lst":             "unknown command \"lst\": see `webhook checks --help`",
		"checks explain":         "webhook checks explain takes one argument, the name of a check",
		"checks validate a b":    "webhook checks validate takes one argument, the configuration file",
		"checks validate /no/no": "cannot read the check configuration",
	} {
		code, _, stderr := runSplit(t, strings.Fields(line)...)
		if code == 0 || !strings.Contains(stderr, want) {
			t.Errorf("%s: exit code %d, %q; want %q", line, code, stderr, want)
		}
	}
}

// The commands of docs/configuration.md about the checks, in their order.
func TestChecksOnThePage(t *testing.T) {
	page, err := os.ReadFile("../../docs/configuration.md")
	if err != nil {
		t.Fatal(err)
	}
	t.Chdir(t.TempDir())
	lines := regexp.MustCompile(`(?m)^webhook (checks .*?)(?: > (\S+))?$`).FindAllStringSubmatch(string(page), -1)
	if len(lines) < 4 {
		t.Fatalf("the page has %d commands about checks, want 4", len(lines))
	}
	for _, line := range lines {
		code, stdout, stderr := runSplit(t, strings.Fields(line[1])...)
		if code != 0 || stdout == "" || stderr != "" {
			t.Fatalf("%s: exit code %d, %s%s", line[1], code, stdout, stderr)
		}
		if line[2] == "" {
			continue
		}
		if err := os.WriteFile(line[2], []byte(stdout), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}
