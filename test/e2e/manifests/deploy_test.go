// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package manifests_test

import (
	"cmp"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/hookstrap/hookstrap/test/e2e/site"
)

// recorder stands for docker, kind and kubectl: it notes how it was called, and answers what the environment says.
const recorder = `#!/bin/sh
echo "$(basename "$0") $*" >>"$CALLS"
case "$*" in
"config current-context") echo "$CONTEXT" ;;
"get clusterrolebinding "*) printf %s "$SUBJECTS" ;;
"get validatingwebhookconfiguration "*) printf %s "$CONDITIONS" ;;
*"rollout status"*) exit "$ROLLOUT" ;;
esac
`

// TestDeploy: the image is built, brought to the cluster in the way that the cluster needs, installed and waited for,
// in that order; the exit code and the last line say what came of it. The test of the node deploys for real.
func TestDeploy(t *testing.T) {
	const image = "registry.example:5000/team/hookstrap"
	load := "kind load docker-image " + image + ":v1 --name dev"
	for name, tc := range map[string]struct {
		context, image, without string
		subjects                string
		rollout                 string
		conditions              string // what the API server keeps of them; in-force if empty
		brought                 string // how the image gets to the cluster
		transform               string // what the overlay says about the image
		says                    string
	}{
		"kind": {"kind-dev", image + ":v1", "", "", "0", "", load, `newTag: "v1"`, "the webhook is in force"},
		"kind is not installed": {"kind-dev", image + ":v1", "kind", "", "0", "", "docker push " + image + ":v1",
			`newTag: "v1"`, "the webhook is in force"},
		"a registry, no tag": {"prod", image, "", "", "0", "", "docker push " + image, "newTag: latest",
			"the webhook is in force"},
		"a digest": {"prod", image + "@sha256:00", "", "", "0", "", "docker push " + image + "@sha256:00",
			"digest: sha256:00", "the webhook is in force"},
		"never ready, first install": {"prod", image + ":v1", "", "", "1", "", "docker push " + image + ":v1",
			`newTag: "v1"`, "the webhook is not in force: nothing is denied, the cluster is as open as before"},
		"never ready, upgrade": {"prod", image + ":v1", "", "in-force", "1", "", "docker push " + image + ":v1",
			`newTag: "v1"`,
			"the webhook is in force: replicas of before go on, and without one what it is asked about is denied"},
		"never ready, Kubernetes 1.27": {"prod", image + ":v1", "", "", "1", "none", "docker push " + image + ":v1",
			`newTag: "v1"`, "the webhook is in force: without a replica, what it is asked about is denied until you run: " +
				"kubectl delete validatingwebhookconfiguration,mutatingwebhookconfiguration hookstrap --ignore-not-found"},
	} {
		t.Run(name, func(t *testing.T) {
			tools := t.TempDir()
			for _, tool := range []string{"docker", "kind", "kubectl"} {
				if tool != tc.without {
					must(t, os.WriteFile(filepath.Join(tools, tool), []byte(recorder), 0o700)) // #nosec G306 -- to be executed.
				}
			}
			calls := filepath.Join(t.TempDir(), "calls")
			script := filepath.Join(site.Root(), "hack", "deploy")
			kept := strings.ReplaceAll(cmp.Or(tc.conditions, "in-force"), "none", "")
			cmd := exec.CommandContext(t.Context(), script, tc.image, "manifests/overlays/deny")
			cmd.Env = []string{"PATH=" + tools + ":/usr/bin:/bin", "CALLS=" + calls, "CONTEXT=" + tc.context,
				"SUBJECTS=" + tc.subjects, "ROLLOUT=" + tc.rollout, "CONDITIONS=" + kept}
			output, err := cmd.CombinedOutput()
			if failed := errors.As(err, new(*exec.ExitError)); failed != (tc.rollout != "0") {
				t.Fatalf("hack/deploy: %v\n%s", err, output)
			}
			if last := lastLine(string(output)); last != "==> "+tc.says {
				t.Errorf("it ends with %q, want %q", last, tc.says)
			}
			want := []string{
				"docker build --build-arg VERSION=dev -t " + tc.image + " .", "kubectl config current-context", tc.brought,
				"kubectl apply -k dist/deploy",
				"kubectl get validatingwebhookconfiguration hookstrap -o jsonpath={.webhooks[*].matchConditions[*].name}",
				"kubectl -n hookstrap-system rollout status deployment/hookstrap --timeout=2m",
			}
			text, err := os.ReadFile(calls)
			must(t, err)
			if diff := gocmp.Diff(want, strings.Split(string(text), "\n")[:len(want)]); diff != "" {
				t.Errorf("calls (-want +got):\n%s", diff)
			}
			overlay, err := os.ReadFile(filepath.Join(site.Root(), "dist", "deploy", "kustomization.yaml"))
			must(t, err)
			for _, want := range []string{"- ../../manifests/overlays/deny\n", "newName: " + image + "\n", tc.transform + "\n"} {
				if !strings.Contains(string(overlay), want) {
					t.Errorf("the overlay does not say %q:\n%s", want, overlay)
				}
			}
		})
	}
}

func lastLine(text string) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	return lines[len(lines)-1]
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
