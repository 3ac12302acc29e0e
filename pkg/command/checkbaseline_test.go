// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package command

import (
	"bytes"
	"os"
	"strings"
	"testing"

	"github.com/hookstrap/hookstrap/pkg/handler/check"
)

// again runs check once more in the directory of [checkFiles].
func again(t *testing.T, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	code = Run(t.Context(), append([]string{"check"}, args...), Options{
		Stdin: strings.NewReader(""), Stdout: &out, Stderr: &errs, Definitions: check.Definitions(),
	})
	return code, out.String(), errs.String()
}

func replaceFile(t *testing.T, name, content string) {
	t.Helper()
	if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

// What was there when the baseline was written does not fail; what is new does; what is gone is said.
func TestCheckWithABaseline(t *testing.T) {
	code, stdout, stderr := checkFiles(t, map[string]string{"deploy/pod.yaml": badPod}, "",
		"deploy", "--write-baseline=deploy/known.yaml")
	if code != exitOK || !strings.Contains(stdout, "0 denied, 0 warnings, 1 known") || stderr != "" {
		t.Fatalf("written: code %d: %s%s", code, stdout, stderr)
	}
	moved := "# moved\n\n" + badPod
	for _, step := range []struct {
		title, manifest string
		code            int
		says            []string
	}{
		{"the same", badPod, exitOK, []string{"1 object in 2 files: 0 denied, 0 warnings, 1 known; 1 document skipped"}},
		{"moved", moved, exitOK, []string{"0 denied, 0 warnings, 1 known"}},
		{"another object", moved + "---\n" + strings.ReplaceAll(badPod, "bad", "worse"), exitFailure,
			[]string{`deploy/pod.yaml:17: denied: Pod "worse"`, "1 denied, 0 warnings, 1 known"}},
		{"something else in it", badPod + "    securityContext: {privileged: true}\n", exitFailure,
			[]string{"podSecurity", "1 denied, 0 warnings, 1 known"}},
		{"mended", strings.ReplaceAll(goodPod, "good", "bad"), exitOK,
			[]string{`deploy/known.yaml: not found any more: Pod "bad" in namespace "default": imageTag: `, "0 denied, 0 warnings; 1 document"}},
		{"away", goodPod, exitOK, []string{"the objects of 1 entry of the baseline were not read"}},
	} {
		replaceFile(t, "deploy/pod.yaml", step.manifest)
		code, stdout, stderr := again(t, "deploy", "--baseline=deploy/known.yaml")
		if code != step.code || stderr != "" {
			t.Errorf("%s: code %d: %s%s", step.title, code, stdout, stderr)
		}
		for _, text := range step.says {
			if !strings.Contains(stdout, text) {
				t.Errorf("%s: no %q in:\n%s", step.title, text, stdout)
			}
		}
		if step.code == exitOK && strings.Contains(stdout, "denied:") {
			t.Errorf("%s: what is known is reported: %s", step.title, stdout)
		}
	}
}

// With both flags, the run is held to the old baseline, and the new one has everything.
func TestCheckRenewsABaseline(t *testing.T) {
	_, _, _ = checkFiles(t, map[string]string{"pod.yaml": badPod}, "", "pod.yaml", "--write-baseline=known.yaml")
	worse := badPod + "    securityContext: {privileged: true}\n"
	replaceFile(t, "pod.yaml", worse)
	code, stdout, _ := again(t, "pod.yaml", "--baseline=known.yaml", "--write-baseline=known.yaml")
	if code != exitFailure || !strings.Contains(stdout, "1 known") {
		t.Errorf("code %d: %s", code, stdout)
	}
	code, stdout, _ = again(t, "pod.yaml", "--baseline=known.yaml")
	if code != exitOK || !strings.Contains(stdout, "2 known") {
		t.Errorf("after it was renewed: code %d: %s", code, stdout)
	}
}

// What is known is no reason to fail for what is warned of either, and what cannot be read is never known.
func TestCheckBaselineAndOtherOutcomes(t *testing.T) {
	files := map[string]string{
		"a/pod.yaml": badPod, "broken/x.yaml": "a: {{ b }}\n",
		"warn.yaml": "apiVersion: hookstrap.dev/v1alpha1\nkind: CheckConfiguration\nchecks: {imageTag: {mode: warn}}\n",
	}
	code, stdout, _ := checkFiles(t, files, "", "a", "--config=warn.yaml", "--fail-on=warn", "--write-baseline=known.yaml")
	if code != exitOK || !strings.Contains(stdout, "1 known") {
		t.Errorf("a warning: code %d: %s", code, stdout)
	}
	code, stdout, _ = again(t, "a", "broken", "--write-baseline=known.yaml")
	if code != exitUsage || !strings.Contains(stdout, "1 unreadable") {
		t.Errorf("unreadable: code %d: %s", code, stdout)
	}
	code, _, stderr := again(t, "a", "--write-baseline=gone/known.yaml")
	if code != exitUsage || !strings.Contains(stderr, "--write-baseline: open gone/known.yaml") {
		t.Errorf("nowhere to write to: code %d: %s", code, stderr)
	}
}
