// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/hookstrap/hookstrap/internal/signer"
)

// TestRequestInTheWordsOfAnEarlierRelease: issue --once with flags of request does what request does, and says how to
// write it; request itself says nothing of it.
func TestRequestInTheWordsOfAnEarlierRelease(t *testing.T) {
	t.Parallel()
	const hint = "write request in its place"
	asked := []string{"--kubeconfig=" + shared.Kubeconfig(), "--host=web.example.com", "--signer-name=" + signer.KubeletServing,
		"--namespace=default"}
	for name, run := range map[string]func(*testing.T, ...string) (string, error){"old": runIssue, "new": runRequest} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := filepath.Join(t.TempDir(), "serving")
			args := append(slices.Clip(asked), "--cert-dir="+dir)
			if name == "old" {
				args = append(args, "--metrics-bind-address=0") // Which meant nothing, and was allowed.
			}
			output, err := run(t, args...)
			if err != nil {
				t.Fatalf("%v:\n%s", err, output)
			}
			must(t, wantFiles(t, dir, "tls.crt", "tls.key", "ca.crt").VerifyHostname("web.example.com"))
			if says := strings.Contains(output, hint); says != (name == "old") {
				t.Errorf("%q is said: %t\n%s", hint, says, output)
			}
		})
	}
}
