// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package command

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/pflag"
)

// runCommand runs a command in this process. No API server is there to be contacted.
func runCommand(t *testing.T, command string, args ...string) (code int, stderr string) {
	t.Helper()
	var output bytes.Buffer
	code = run(t.Context(), append([]string{command, "--kubeconfig=" + unreachable(t)}, args...), &output, &output)
	return code, output.String()
}

func wantUsageError(t *testing.T, code int, stderr, flag string) {
	t.Helper()
	if code != exitUsage || !strings.Contains(stderr, "--"+flag) && !strings.Contains(stderr, `"`+flag+`"`) {
		t.Errorf("exit code %d and %q, want %d and --%s named", code, stderr, exitUsage, flag)
	}
	if lines := strings.Count(stderr, "\n"); lines != 1 {
		t.Errorf("%d lines on stderr, want 1: %q", lines, stderr)
	}
}

// wrongIssueValues are those of serve's flags, and of issue's own.
func wrongIssueValues(t *testing.T) map[string][]string {
	t.Helper()
	wrong := map[string][]string{
		"self-address": {"9443", ":9443", "127.0.0.1", "127.0.0.1:0", "127.0.0.1:https"},
		"once":         {"maybe", ""},
		"timeout":      {"0s", "-1s", "soon", ""},
	}
	for name, values := range wrongValues(t) {
		if flagsOf(t, "issue").Lookup(name) != nil {
			wrong[name] = values
		}
	}
	return wrong
}

func flagsOf(t *testing.T, name string) *pflag.FlagSet {
	t.Helper()
	command, _, err := newRootCommand(Options{}.withDefaults()).Find([]string{name})
	if err != nil {
		t.Fatal(err)
	}
	return command.Flags()
}

func TestWrongValuesOfIssueAreUsageErrorsThatNameTheFlag(t *testing.T) {
	for flag, wrong := range wrongIssueValues(t) {
		for _, text := range wrong {
			t.Run(flag+"="+text, func(t *testing.T) {
				code, stderr := runCommand(t, "issue", "--service-name=web", "--namespace=shop", "--service-account=web",
					"--webhook-configuration=web",
					"--cert-dir="+filepath.Join(t.TempDir(), "serving"), "--"+flag+"="+text)
				wantUsageError(t, code, stderr, flag)
			})
		}
	}
}

func TestEveryFlagOfIssueHasAWrongValue(t *testing.T) {
	table := wrongIssueValues(t)
	flagsOf(t, "issue").VisitAll(func(flag *pflag.Flag) {
		if _, found := table[flag.Name]; !found && !anyText(flag) {
			t.Errorf("no wrong value of --%s is tested", flag.Name)
		}
	})
}

// TestFlagsOfIssueThatDoNotGoTogether: what a command line lacks, or has too much, is named before anything is contacted
// or written.
func TestFlagsOfIssueThatDoNotGoTogether(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "untouched")
	service := []string{"--service-name=web", "--namespace=shop", "--service-account=web", "--cert-dir=" + dir}
	for name, tc := range map[string]struct {
		args []string
		flag string
	}{
		"no Service":         {[]string{"--cert-dir=" + dir}, "service-name"},
		"no namespace":       {[]string{"--cert-dir=" + dir, "--service-name=web"}, "namespace"},
		"no ServiceAccount":  {slices.Delete(slices.Clone(service), 2, 3), "service-account"},
		"no directory":       {service[:3], "cert-dir"},
		"no configuration":   {service, "webhook-configuration"},
		"none beside others": {append(service, "--webhook-configuration=none,web", "--once"), "webhook-configuration"},
		"a client's signer":  {append(service, "--signer-name=kubernetes.io/kube-apiserver-client"), "signer-name"},
		"timeout for ever":   {append(service, "--timeout=1m"), "timeout"},
		"host of a Service":  {append(service, "--host=web.example.com"), "host"},
		"a client":           {append(service, "--usage=client-auth"), "usage"},
		"once and ready":     {append(service, "--once", "--self-address=0"), "self-address"},
	} {
		t.Run(name, func(t *testing.T) {
			code, stderr := runCommand(t, "issue", tc.args...)
			wantUsageError(t, code, stderr, tc.flag)
			if _, err := os.Stat(dir); err == nil {
				t.Error("the directory was made all the same")
			}
		})
	}
}

// TestMissingFlagsAreNamedAtOnce: a command line is written once, and not once for each flag.
func TestMissingFlagsAreNamedAtOnce(t *testing.T) {
	service := []string{"service-name", "namespace", "service-account", "webhook-configuration"}
	for command, flags := range map[string][]string{
		"serve": service, "issue": append([]string{"cert-dir"}, service...),
		"issue --once": append([]string{"cert-dir"}, service[:3]...), "request": {"cert-dir", "signer-name", "host"},
		"request --write-kubeconfig=k": {"signer-name", "host"},
	} {
		args := strings.Fields(command)
		code, stderr := runCommand(t, args[0], args[1:]...)
		if code != exitUsage {
			t.Errorf("%s: exit code %d", command, code)
		}
		for _, flag := range flags {
			if !regexp.MustCompile("--" + flag + `( \(\$\w+\))? is missing`).MatchString(stderr) {
				t.Errorf("%s: --%s is not named: %s", command, flag, stderr)
			}
		}
	}
}

// TestCommandsShareFlags: same name, same meaning, same default.
func TestCommandsShareFlags(t *testing.T) {
	for command, different := range map[string][]string{
		"issue":   {"cert-dir", "certificate-source"},                  // The volume is read by another container.
		"request": {"cert-dir", "ca-file", "namespace", "signer-name"}, // Of no Service.
	} {
		flagsOf(t, command).VisitAll(func(flag *pflag.Flag) {
			other := flagsOf(t, "serve").Lookup(flag.Name)
			if other == nil || flag.Hidden || slices.Contains(different, flag.Name) {
				return
			}
			if other.Usage != flag.Usage || other.DefValue != flag.DefValue {
				t.Errorf("--%s of %s differs: %q and %q", flag.Name, command, flag.Usage, other.Usage)
			}
		})
	}
}
