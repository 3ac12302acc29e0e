// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/yaml"

	"github.com/hookstrap/hookstrap/test/e2e/site"
)

// pageBlock is a block of a page, from what it begins with.
func pageBlock(t *testing.T, page, begin string) string {
	t.Helper()
	block, err := site.Block(page, begin)
	must(t, err)
	return block
}

// TestRequestPage runs the commands of docs/request.md.
func TestRequestPage(t *testing.T) {
	t.Parallel()
	executable, err := binary()
	must(t, err)
	kubectl := filepath.Dir(shared.Kubectl(t.Context()).Path)
	cmd := exec.CommandContext(t.Context(), "sh", "-euxc", "#"+pageBlock(t, "docs/request.md", "```sh\n# a certificate for these hosts"))
	cmd.Dir = t.TempDir()
	cmd.Env = append(os.Environ(), "KUBECONFIG="+shared.Kubeconfig(),
		"PATH="+strings.Join([]string{filepath.Dir(executable), kubectl, os.Getenv("PATH")}, ":"))
	output, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v:\n%s", err, output)
	}
	for _, want := range []string{"jane", "developers"} {
		if !strings.Contains(string(output), want) {
			t.Errorf("the output does not say %s:\n%s", want, output)
		}
	}
	must(t, wantFiles(t, filepath.Join(cmd.Dir, "serving"), "tls.crt", "tls.key", "ca.crt").VerifyHostname("10.0.0.7"))
}

// TestSidecarPage: the Pod of docs/sidecar.md is one, and its command lines are understood.
func TestSidecarPage(t *testing.T) {
	t.Parallel()
	executable, err := binary()
	must(t, err)
	var pod corev1.PodSpec
	must(t, yaml.UnmarshalStrict([]byte(pageBlock(t, "docs/sidecar.md", "```yaml\n# pod.yaml\n")), &pod))
	for _, container := range append(pod.InitContainers, pod.Containers[0]) {
		// The last flag is the only one that is wrong, and named once all others are understood.
		cmd := exec.CommandContext(t.Context(), executable, append(container.Args, "--kubeconfig=/does/not/exist")...)
		output, err := cmd.CombinedOutput()
		wantExit(t, string(output), err, 2, "--kubeconfig")
		if len(container.Env) != 5 || container.VolumeMounts[0].Name != pod.Volumes[0].Name {
			t.Errorf("container %s lacks something: %+v", container.Name, container)
		}
	}
}
