// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build node

package node

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/hookstrap/hookstrap/test/e2e/site"
)

// TestUserOfTheClustersChoice installs the component no-fixed-user, with the user and the groups that OpenShift's SCC
// restricted-v2 puts into a Pod.
func TestUserOfTheClustersChoice(t *testing.T) {
	install(t)
	dir, err := filepath.EvalSymlinks(t.TempDir())
	must(t, err)
	manifests, err := filepath.Rel(dir, filepath.Join(site.Root(), "manifests"))
	must(t, err)
	overlay := fmt.Sprintf(`resources: [%[1]s]
components: [%[1]s/components/deny, %[1]s/components/no-fixed-user]
patches:
- target: {kind: Deployment, name: hookstrap}
  patch: |
    - {op: add, path: /spec/template/spec/securityContext/runAsUser, value: 1000680000}
    - {op: add, path: /spec/template/spec/securityContext/fsGroup, value: 1000680000}
`, manifests)
	must(t, os.WriteFile(filepath.Join(dir, "kustomization.yaml"), []byte(overlay), 0o600))
	removeAll(t) // No rollout is to be waited for.
	if out, err := shared.Kubectl(t.Context(), "apply", "-k", dir).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	for _, pod := range awaitPods(t, 2) {
		for _, container := range []string{serverContainer, listenerContainer} {
			wantUser(t, shared.ContainerPIDs(statusOf(&pod, container).ContainerID)[0], 1000680000, 0)
		}
	}
	awaitAdmission(t)
	removeAll(t)
	install(t)
}

func wantUser(t *testing.T, pid, user, group int) {
	t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	must(t, err)
	for field, id := range map[string]int{"Uid": user, "Gid": group} {
		if got, want := statusField(string(status), field), fmt.Sprintf("%[1]d %[1]d %[1]d %[1]d", id); got != want {
			t.Errorf("%s of process %d is %s, want %s", field, pid, got, want)
		}
	}
}
