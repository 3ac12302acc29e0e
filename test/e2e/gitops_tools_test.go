// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build gitops

package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hookstrap/hookstrap/test/e2e/site"
)

// gitopsTool brings manifests into the cluster.
type gitopsTool struct {
	name string
	// sync applies the manifests, rollBack goes back to the first ones, which are these.
	sync, rollBack func(t *testing.T, manifests string) error
}

// gitopsTools are those that the page is about. HELM and FLUXAPPLY are executables that `make test-gitops` builds.
func gitopsTools(t *testing.T) []gitopsTool {
	t.Helper()
	const serverSide = "--server-side"
	kubectl := "kubectl " + pinned(t, "test/e2e/cluster/components", "k8s.io/kubernetes")
	flux := "Flux, ssa " + pinned(t, "test/gitops", "github.com/fluxcd/pkg/ssa")
	helm := "Helm " + pinned(t, "test/gitops", "helm.sh/helm/v4")
	tools := []gitopsTool{
		kubectlTool(kubectl),
		kubectlTool(kubectl+", `--server-side`", serverSide, "--field-manager=owner"),
		kubectlTool(kubectl+", `--server-side --force-conflicts`", serverSide, "--force-conflicts",
			"--field-manager=argocd-controller"),
		fluxTool(flux, executable(t, "FLUXAPPLY")),
	}
	return append(tools, helmTool(t, helm, "true"), helmTool(t, helm+", `--server-side=false`", "false"))
}

// pinned is the version of a module in the go.mod of a directory.
func pinned(t *testing.T, directory, module string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(site.Root(), directory, "go.mod"))
	must(t, err)
	_, rest, _ := strings.Cut(string(text), "\t"+module+" ")
	return strings.Fields(rest)[0]
}

func executable(t *testing.T, variable string) string {
	t.Helper()
	path := os.Getenv(variable)
	if path == "" {
		t.Fatalf("%s is not set: run `make test-gitops`, which builds it", variable)
	}
	return path
}

func kubectlTool(name string, flags ...string) gitopsTool {
	sync := func(t *testing.T, manifests string) error {
		t.Helper()
		return feed(shared.Kubectl(t.Context(), append([]string{"apply", "-f", "-"}, flags...)...), manifests)
	}
	return gitopsTool{name: name, sync: sync, rollBack: sync}
}

func fluxTool(name, binary string) gitopsTool {
	sync := func(t *testing.T, manifests string) error {
		t.Helper()
		return feed(withKubeconfig(exec.CommandContext(t.Context(), binary)), manifests)
	}
	return gitopsTool{name: name, sync: sync, rollBack: sync}
}

// helmTool has a release for each test: its first sync installs a chart, the others upgrade it. A rollback is Helm's own.
func helmTool(t *testing.T, name, serverSide string) gitopsTool {
	t.Helper()
	binary, home := executable(t, "HELM"), t.TempDir()
	run := func(t *testing.T, args ...string) error {
		t.Helper()
		cmd := withKubeconfig(exec.CommandContext(t.Context(), binary, append(args, "--namespace=default",
			"--server-side="+serverSide)...))
		for _, kind := range []string{"CACHE", "CONFIG", "DATA"} {
			cmd.Env = append(cmd.Env, "HELM_"+kind+"_HOME="+home)
		}
		return feed(cmd, "")
	}
	return gitopsTool{
		name: name,
		sync: func(t *testing.T, manifests string) error {
			t.Helper()
			return run(t, "upgrade", "--install", filepath.Base(t.Name()), chart(t, manifests))
		},
		rollBack: func(t *testing.T, _ string) error {
			t.Helper()
			return run(t, "rollback", filepath.Base(t.Name()), "1")
		},
	}
}

// chart makes a Helm chart of manifests.
func chart(t *testing.T, manifests string) string {
	t.Helper()
	directory := t.TempDir()
	must(t, os.Mkdir(filepath.Join(directory, "templates"), 0o700))
	for file, text := range map[string]string{
		"Chart.yaml": "apiVersion: v2\nname: webhook\nversion: 0.1.0\n", "templates/all.yaml": manifests,
	} {
		must(t, os.WriteFile(filepath.Join(directory, file), []byte(text), 0o600))
	}
	return directory
}

func withKubeconfig(cmd *exec.Cmd) *exec.Cmd {
	cmd.Env = append(os.Environ(), "KUBECONFIG="+shared.Kubeconfig())
	return cmd
}

// feed runs a command, and returns what it says when it fails.
func feed(cmd *exec.Cmd, stdin string) error {
	cmd.Stdin = strings.NewReader(stdin)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%w: %s", err, out)
	}
	return nil
}
