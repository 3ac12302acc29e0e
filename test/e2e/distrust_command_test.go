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

	"github.com/hookstrap/hookstrap/internal/trust"
	"github.com/hookstrap/hookstrap/test/e2e/site"
)

// runbookCommands are the commands of a section of the runbook, with the names of a site.
func runbookCommands(t *testing.T, s *site.Site, section string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(site.Root(), "docs", "runbook.md"))
	must(t, err)
	_, after, found := strings.Cut(string(text), "\n## "+section+"\n")
	if !found {
		t.Fatalf("the runbook has no section %q", section)
	}
	body, _, _ := strings.Cut(after, "\n## ")
	commands := strings.Join(regexp.MustCompile(`(?m)^    .*\n`).FindAllString(body, -1), "")
	return strings.NewReplacer("hookstrap-system", s.Namespace,
		"validatingwebhookconfiguration hookstrap", "validatingwebhookconfiguration "+s.Configuration).Replace(commands)
}

// shell runs commands with the program and kubectl at hand.
func shell(t *testing.T, commands string) string {
	t.Helper()
	executable, err := binary()
	must(t, err)
	kubectl := filepath.Dir(shared.Kubectl(t.Context()).Path)
	cmd := exec.CommandContext(t.Context(), "bash", "-euo", "pipefail", "-c", commands)
	cmd.Env = append(os.Environ(), "KUBECONFIG="+shared.Kubeconfig(),
		"PATH="+strings.Join([]string{filepath.Dir(executable), kubectl, os.Getenv("PATH")}, ":"))
	output, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v:\n%s\n%s", err, commands, output)
	}
	return string(output)
}

// TestRunbookForALeakedKey runs the commands as they stand there.
func TestRunbookForALeakedKey(t *testing.T) {
	t.Parallel()
	s := site.New(t, shared, site.Options{})
	server := s.Start(t, s.BootstrapOptions(t))
	server.AwaitReady(t)
	before := mustSign(t.Context(), s)
	shell(t, runbookCommands(t, s, "HookstrapForeignCA"))
	output := shell(t, runbookCommands(t, s, "The CA's key has leaked"))
	after := mustSign(t.Context(), s)
	if before.Equal(after) {
		t.Fatal("the CA signs on")
	}
	for _, want := range []string{
		trust.Fingerprint(before) + "  signs  " + before.NotAfter.UTC().Format("2006-01-02"), "Distrusting 1 CAs",
		"Subject: " + after.Subject.String(),
	} {
		if !strings.Contains(output, want) {
			t.Errorf("the output lacks %q:\n%s", want, output)
		}
	}
	if n := strings.Count(output, "Not After"); n != 1 {
		t.Errorf("%d CAs are in the caBundle at the end, want one:\n%s", n, output)
	}
	if server.Leaf().CheckSignatureFrom(after) != nil {
		t.Error("the server has not renewed")
	}
	wantAdmission(t, s)
}

// TestDistrustCommand says what it would do, and does not do it.
func TestDistrustCommand(t *testing.T) {
	t.Parallel()
	s := site.New(t, shared, site.Options{})
	s.Start(t, s.BootstrapOptions(t)).AwaitReady(t)
	ca := mustSign(t.Context(), s)
	unknown := strings.Repeat("0a", 32)
	for flags, want := range map[string]string{
		"":                         `(?m)^` + trust.Fingerprint(ca) + `  signs  .*  no$`,
		"--all --dry-run":          `(?m)^` + trust.Fingerprint(ca) + `  signs  .*  yes$`,
		"--all-but-newest":         `(?m)^` + trust.Fingerprint(ca) + `  signs  .*  no$`,
		"--fingerprint=" + unknown: `(?m)^` + unknown + `  not there  .*  yes$`,
	} {
		output := shell(t, "webhook distrust --namespace "+s.Namespace+" "+flags)
		if !regexp.MustCompile(want).MatchString(output) {
			t.Errorf("distrust %s: no line %s:\n%s", flags, want, output)
		}
	}
	if now := mustSign(t.Context(), s); !now.Equal(ca) {
		t.Error("the CA was replaced")
	}
}
