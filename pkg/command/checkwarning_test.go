// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package command

import "testing"

// The old name of failurePolicy is a warning beside the report, which stays what it is.
func TestCheckWarnsOfOldNames(t *testing.T) {
	const head = "apiVersion: hookstrap.dev/v1alpha1\nkind: CheckConfiguration\n"
	files := map[string]string{
		"pod.yaml": goodPod, "old.yaml": head + "checks:\n  imageTag:\n    onError: allow\n",
		"new.yaml": head + "checks:\n  imageTag:\n    failurePolicy: Ignore\n",
	}
	const want = "Warning: check configuration old.yaml: line 5: checks.imageTag.onError is deprecated: " +
		"write failurePolicy: Ignore\n"
	code, out, errs := checkFiles(t, files, "", "--config", "old.yaml", "-f", "pod.yaml", "-o", "json")
	if code != 0 || errs != want {
		t.Errorf("exit %d, got %q, want %q", code, errs, want)
	}
	code, same, errs := checkFiles(t, files, "", "--config", "new.yaml", "-f", "pod.yaml", "-o", "json")
	if code != 0 || errs != "" || same != out {
		t.Errorf("exit %d, got %q and\n%s, want the report\n%s", code, errs, same, out)
	}
}
