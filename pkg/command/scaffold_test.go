// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package command

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// What is written passes the checks that it is likely to meet, and nothing is overwritten.
func TestScaffold(t *testing.T) {
	checks := filepath.Join(t.TempDir(), "checks.yaml")
	configuration := "apiVersion: hookstrap.dev/v1alpha1\nkind: CheckConfiguration\nchecks:\n" +
		"  podSecurity: {level: restricted}\n  imageTag: {}\n  serviceAccountToken: {}\n  readOnlyRootFilesystem: {}\n"
	if err := os.WriteFile(checks, []byte(configuration), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, kind := range []string{"sidecar", "server"} {
		t.Run(kind, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "deploy")
			line := []string{"scaffold", kind, dir, "--service-name=hook", "--image=registry.example/hook:v1",
				"--webhook-configuration=mutating/hook-rules", "--port=8443"}
			code, stdout, stderr := runSplit(t, line...)
			if code != 0 || stdout != "kubectl apply -k "+dir+"\n" {
				t.Fatalf("exit code %d, %s%s", code, stdout, stderr)
			}
			code, stdout, stderr = runSplit(t, "check", "-f", dir, "--config", checks)
			if code != 0 || !strings.Contains(stdout, " 0 denied, 0 warnings") {
				t.Errorf("exit code %d, %s%s", code, stdout, stderr)
			}
			rules, err := os.ReadFile(filepath.Join(dir, "rbac.yaml"))
			if err != nil || !strings.Contains(string(rules), "mutatingwebhookconfigurations") {
				t.Errorf("%v, the rules are\n%s", err, rules)
			}
			wantRulesOf(t, string(rules), "--service-name=hook", "--namespace=hook", "--service-account=hook",
				"--webhook-configuration=mutating/hook-rules", "--in-force-binding=hook-in-force")
			wantUntouched(t, filepath.Join(dir, "service.yaml"), line)
		})
	}
}

// wantRulesOf wants the rules that rbac prints with these flags.
func wantRulesOf(t *testing.T, rules string, flags ...string) {
	t.Helper()
	code, printed, stderr := runSplit(t, append([]string{"rbac"}, flags...)...)
	if diff := cmp.Diff(printed, rules); code != 0 || diff != "" {
		t.Errorf("exit code %d, %s, the rules are not those of rbac (-rbac +scaffold):\n%s", code, stderr, diff)
	}
}

// wantUntouched wants a second run to leave a file that was changed as it is, and to write no other one.
func wantUntouched(t *testing.T, file string, line []string) {
	t.Helper()
	dir := filepath.Dir(file)
	if err := os.WriteFile(file, []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(dir, "webhook.yaml")); err != nil {
		t.Fatal(err)
	}
	code, _, stderr := runSplit(t, line...)
	if code != 1 || !strings.Contains(stderr, "has deployment.yaml, in-force.yaml, kustomization.yaml") {
		t.Errorf("exit code %d, %q; want that the files are there already", code, stderr)
	}
	content, err := os.ReadFile(file)
	if err != nil || string(content) != "mine" {
		t.Errorf("the file has %q now (%v)", content, err)
	}
	if _, err := os.Stat(filepath.Join(dir, "webhook.yaml")); err == nil {
		t.Error("a file was written although others were there")
	}
}

func TestScaffoldNamesWhatIsMissing(t *testing.T) {
	for line, want := range map[string]string{
		"scaffold sidecar d": "--service-name is missing: for example my-webhook; --image is missing",
		"scaffold server":    "takes one argument, the directory to write into",
		"scaffold pod d":     "unknown command \"pod\": see `webhook scaffold --help`",
		"scaffold server d --service-name=a --image=b --webhook-configuration=crd/x.y": "write validating/NAME or mutating/NAME",
		"scaffold server d --service-name=a --image=b,c":                               "a quotation mark or another character",
	} {
		code, _, stderr := runSplit(t, strings.Fields(line)...)
		if code != 2 || !strings.Contains(stderr, want) {
			t.Errorf("%s: exit code %d, %q; want 2 and %q", line, code, stderr, want)
		}
	}
}
