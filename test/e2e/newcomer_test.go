// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build newcomer

package e2e

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/hookstrap/hookstrap/test/e2e/cluster"
	"github.com/hookstrap/hookstrap/test/e2e/cluster/clustertest"
	"github.com/hookstrap/hookstrap/test/e2e/site"
)

// TestNewcomer does what README.md says, from its first command to its last, in a new clone and with a new cluster, and
// wants what its text promises. A command that it does not know is an error: each has its promise here. `make newcomer`
// runs it. Of `make test` and `make e2e`, which take long and which CI runs, it only wants that they are there; with
// NEWCOMER=all it runs them.
func TestNewcomer(t *testing.T) {
	n := &newcomer{quickstart: &quickstart{cluster: clustertest.Start(t), dir: filepath.Join(t.TempDir(), "hookstrap")}}
	n.shell(t, "", "git", "clone", "--quiet", site.Root(), n.dir)
	text, err := os.ReadFile(filepath.Join(n.dir, "README.md"))
	must(t, err)
	n.writeChecks(t, string(text))
	lines := readmeCommands(string(text))
	if len(lines) < 7 {
		t.Fatalf("README.md has only the commands %q", lines)
	}
	for _, line := range lines {
		command, _, _ := strings.Cut(line, "#")
		command = strings.TrimSpace(command)
		act := n.promises(t)[command]
		if act == nil {
			t.Fatalf("README.md says `%s`: say in TestNewcomer what is promised", command)
		}
		t.Logf("$ %s", command)
		act(command)
	}
	n.afterwards(t)
}

// newcomer has README.md, a clone and a cluster.
type newcomer struct{ *quickstart }

// readmeCommands are the lines of indented blocks and of blocks ```sh.
func readmeCommands(text string) (lines []string) {
	blocks := regexp.MustCompile("(?ms)^```(\\w*)\n(.*?)^```").FindAllStringSubmatch(text, -1)
	for _, block := range blocks {
		indented := ""
		if block[1] == "sh" {
			indented = "    " + strings.ReplaceAll(strings.TrimSpace(block[2]), "\n", "\n    ") + "\n"
		}
		text = strings.Replace(text, block[0], indented, 1)
	}
	for _, line := range regexp.MustCompile(`(?m)^    ((?:make|kubectl|webhook|helm|kind|docker|git|go) .*)$`).
		FindAllStringSubmatch(text, -1) {
		lines = append(lines, line[1])
	}
	return lines
}

// promises are what to do for each command of README.md, and what it has to lead to.
func (n *newcomer) promises(t *testing.T) map[string]func(command string) {
	t.Helper()
	run := func(command string) string { return runScript(t, n.cluster, n.dir, command) }
	long := func(command string) {
		if os.Getenv("NEWCOMER") != "all" {
			command = strings.Replace(command, "make ", "make --dry-run --silent ", 1)
		}
		n.shell(t, n.dir, "sh", "-euc", command+" >&2")
	}
	return map[string]func(string){
		"make demo": func(command string) { n.shell(t, n.dir, "sh", "-euc", command+" >&2") },
		"make test": long,
		"make e2e":  long,
		"kubectl apply -k manifests": func(command string) {
			if said := run(command); strings.Contains(said, "unchanged") {
				t.Errorf("the cluster is not new:\n%s", said)
			}
		},
		rolloutOf("hookstrap"): func(string) { n.rollOut(t); n.wantWarned(t) },
		"helm install hookstrap charts/hookstrap --namespace hookstrap-system --create-namespace": func(command string) {
			n.helm(t, command)
		},
		"webhook rbac --namespace shop --service-name my-webhook --service-account my-webhook " +
			"--webhook-configuration validating/my-webhook": func(command string) {
			run("kubectl create namespace shop; " + command + " | kubectl apply -f -")
		},
		"webhook check -f deploy/ --config checks.yaml": func(command string) {
			run("webhook scaffold server deploy/ --service-name my-webhook --image registry.example/my-webhook:v1")
			run(command)
			run("kubectl run web --image=nginx --dry-run=client -o yaml > deploy/bad.yaml; if " + command + "; then exit 1; fi")
		},
	}
}

// helm installs with Helm, on a cluster of its own: "this installs the same".
func (n *newcomer) helm(t *testing.T, command string) {
	t.Helper()
	by := &newcomer{quickstart: &quickstart{cluster: clustertest.Start(t), dir: n.dir}}
	home := t.TempDir()
	must(t, os.Symlink(os.Getenv("HELM"), filepath.Join(home, "helm")))
	runScript(t, by.cluster, by.dir, fmt.Sprintf("export PATH=%s:$PATH HELM_CACHE_HOME=%[1]s HELM_CONFIG_HOME=%[1]s "+
		"HELM_DATA_HOME=%[1]s\n%s", home, command))
	by.rollOut(t)
	by.wantWarned(t)
}

// wantWarned: "Nothing is denied yet: the checks warn".
func (n *newcomer) wantWarned(t *testing.T) {
	t.Helper()
	said := runScript(t, n.cluster, n.dir, "kubectl run web --image=nginx --dry-run=server")
	if !strings.Contains(said, "Warning:") {
		t.Errorf("there is no warning:\n%s", said)
	}
}

// afterwards is what the text says without a block: that examples/minimal is a program, how to enforce, and what to do
// when everything is denied.
func (n *newcomer) afterwards(t *testing.T) {
	t.Helper()
	n.shell(t, n.dir, "go", "build", "-o", os.DevNull, "./examples/minimal")
	for _, overlay := range []string{"deny-when-clean", "deny"} {
		runScript(t, n.cluster, n.dir, "kubectl apply -k manifests/overlays/"+overlay)
		n.rollOut(t)
	}
	run := func(script string) string { return runScript(t, n.cluster, n.dir, script) }
	run("if kubectl run web --image=nginx --dry-run=server; then exit 1; fi")
	must(t, n.server.Stop()) // "Everything is denied because the webhook is gone?"
	run("if kubectl run web --image=nginx:1 --dry-run=server; then exit 1; fi")
	run("kubectl delete clusterrolebinding hookstrap-in-force")
	clustertest.Eventually(t, func(ctx context.Context) error {
		said, err := n.cluster.Kubectl(ctx, "run", "web", "--image=nginx", "--dry-run=server").CombinedOutput()
		if err != nil {
			err = fmt.Errorf("the calls have not stopped: %w: %s", err, said)
		}
		return err
	})
	run("kubectl apply -k manifests; kubectl run web --image=nginx --dry-run=server")
	n.server = nil
	n.rollOut(t)
}

// shell runs a command in a directory, with the control plane's binaries of this tree, and shows what it says.
func (n *newcomer) shell(t *testing.T, dir string, command ...string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), command[0], command[1:]...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "KUBEBUILDER_ASSETS="+componentsDir(t, n.cluster))
	cmd.Stderr = os.Stderr
	must(t, cmd.Run())
}

// componentsDir is where this tree has etcd, kube-apiserver and kubectl.
func componentsDir(t *testing.T, c *cluster.Cluster) string {
	t.Helper()
	return filepath.Dir(c.Kubectl(t.Context()).Path)
}

// writeChecks writes the file that README.md shows as checks.yaml.
func (n *newcomer) writeChecks(t *testing.T, readme string) {
	t.Helper()
	_, block, found := strings.Cut(readme, "```yaml\n# checks.yaml\n")
	block, _, ended := strings.Cut(block, "```")
	if !found || !ended {
		t.Fatal("README.md does not show a checks.yaml")
	}
	must(t, os.WriteFile(filepath.Join(n.dir, "checks.yaml"), []byte(block), 0o600))
}
