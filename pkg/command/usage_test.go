// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package command

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// What is wrong with a command line is said of what the user wrote, with what to write instead, and is exit code 2.
func TestCommandLineErrorsSayWhatToWrite(t *testing.T) {
	file := filepath.Join(t.TempDir(), "pod.yaml")
	if err := os.WriteFile(file, []byte("kind: Pod\nspec: {}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for line, want := range map[string]string{
		"help dance":         "unknown command \"dance\": see `webhook --help`",
		"help checks dance":  "unknown command \"checks dance\": see `webhook --help`",
		"completion dance":   "unknown command \"dance\": see `webhook completion --help`",
		"completion bash x":  `unexpected argument "x": webhook completion bash takes flags only`,
		"checks dance":       "unknown command \"dance\": see `webhook checks --help`",
		"scaffold dance":     "unknown command \"dance\": see `webhook scaffold --help`",
		"serve --dance":      "unknown flag: --dance: see `webhook serve --help`",
		"rbac":               "--service-name ($SERVICE_NAME) is missing",
		"checks validate no": "no: no such file or directory",
		"scaffold server x --service-name=a --image=a --path=validate":  `"validate" is not a path that an API server calls`,
		"scaffold server x --service-name=a --image=a --path=/a//b":     `"/a//b" is not a path`,
		"scaffold server x --service-name=a --image=a --path=/A":        `"/A" is not a path`,
		"scaffold server x --service-name=a --image=a --path=/":         `"/" is not a path`,
		"manifest --service-name=a --webhook-configuration=crd/b":       "crd/b, of which nothing is printed: write validating/NAME",
		"manifest --service-name=a --in-force=A_B":                      `"A_B" is not the name of an object`,
		"authority --allowed-service-account=a":                         `"a" is no ServiceAccount: write NAMESPACE/NAME` + "\n",
		"authority --allowed-service-account=A/b":                       `"A/b" has no namespace of a ServiceAccount before the slash`,
		"authority --allowed-service-account=a/B":                       `"a/B" has no name of a ServiceAccount behind the slash`,
		"distrust --fingerprint=all-but-newest":                         "64 hexadecimal digits, or use the flag --all-but-newest",
		"request --usage=client-auth --cert-dir=x":                      "webhook: --common-name is missing: it is the user who logs in",
		"request --usage=server-auth --cert-dir=x --kubeconfig=" + file: "--signer-name is missing",
		"doctor --handshake-timeout=5 -f=x":                             `"5" is not a duration of more than 0s: write it like 2m`,
		"doctor -f=x --interval=2s":                                     "--interval is for a cluster",
		"doctor --interval=2s":                                          "--interval is for --watch",
		"doctor -f=x --connect=none":                                    "--connect is for a cluster",
		"check --fail-on=never x":                                       `invalid argument "never" for "--fail-on" flag: use deny or warn`,
		"check --baseline=" + file + " x":                               `is no baseline: unknown field "spec": write one with --write-baseline`,
	} {
		var out, stderr bytes.Buffer
		code := run(t.Context(), strings.Fields(line), &out, &stderr)
		if code != exitUsage || !strings.Contains(stderr.String(), want) || strings.Count(stderr.String(), "\n") != 1 {
			t.Errorf("%s: exit code %d\n%swant %s", line, code, &stderr, want)
		}
	}
	// It is no mistake in the command line alone: a directory of that name would do.
	var stderr bytes.Buffer
	code := run(t.Context(), []string{"scaffold", "server", file, "--service-name=a", "--image=a"}, &stderr, &stderr)
	if want := "webhook: " + file + " is no directory: name another one, or remove it\n"; code != exitFailure || stderr.String() != want {
		t.Errorf("scaffold into a file: exit code %d, %s", code, &stderr)
	}
}

// Without a kubeconfig the user learns of the ways to give one; with a file that is none, which one it is.
func TestKubeconfigThatIsNone(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("HOME", dir)
	for name, content := range map[string]string{"empty": "", "pod": "apiVersion: v1\nkind: Pod\n"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for kubeconfig, want := range map[string]string{
		"":                          "--kubeconfig is missing: this is not a Pod with a ServiceAccount, and neither $KUBECONFIG nor ~/.kube/config names",
		filepath.Join(dir, "empty"): "--kubeconfig: " + dir + "/empty names no API server: name another file",
		filepath.Join(dir, "pod"):   "--kubeconfig: " + dir + "/pod cannot be used as a kubeconfig: ",
	} {
		t.Setenv("KUBECONFIG", "")
		args := []string{"doctor"}
		if kubeconfig != "" {
			args = append(args, "--kubeconfig="+kubeconfig)
		}
		var out bytes.Buffer
		if code := run(t.Context(), args, &out, &out); code != exitUsage || !strings.Contains(out.String(), want) {
			t.Errorf("exit code %d\n%swant %s", code, &out, want)
		}
	}
}
