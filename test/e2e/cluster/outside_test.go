// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package cluster_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/hookstrap/hookstrap/test/e2e/cluster/internal/assets"
)

// outsideTest is a test of another repository. Only the options say where the binaries are.
const outsideTest = `package outside

import (
	"os"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"

	"github.com/hookstrap/hookstrap/test/e2e/cluster"
	"github.com/hookstrap/hookstrap/test/e2e/cluster/clustertest"
)

func TestOutside(t *testing.T) {
	c := clustertest.StartWith(t, cluster.Options{ComponentsDir: os.Getenv("COMPONENTS"), WithoutControllerManager: true})
	client, err := kubernetes.NewForConfig(c.Config())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := client.CoreV1().Namespaces().Get(t.Context(), "kube-system", metav1.GetOptions{}); err != nil {
		t.Error(err)
	}
}
`

// The package starts a control plane for a module outside of this repository, in a directory outside of it.
func TestStartOutsideOfTheRepository(t *testing.T) {
	layout, err := assets.Locate()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	writeModule(t, dir, layout.Root)
	if err := os.WriteFile(filepath.Join(dir, "outside_test.go"), []byte(outsideTest), 0o600); err != nil {
		t.Fatal(err)
	}
	test := exec.CommandContext(t.Context(), "go", "test", "-mod=mod", "-count=1", "-v", ".")
	test.Dir = dir
	test.Env = append(os.Environ(), assets.EnvDir+"=", "COMPONENTS="+componentsIn(t, layout))
	if out, err := test.CombinedOutput(); err != nil {
		t.Errorf("%v: %v\n%s", test, err, out)
	}
}

// writeModule makes a module with what ours requires, and the modules of this repository in its place.
func writeModule(t *testing.T, dir, root string) {
	t.Helper()
	for _, name := range []string{"go.mod", "go.sum"} {
		text, err := os.ReadFile(filepath.Join(assets.HarnessModule(root), name))
		if err != nil {
			t.Fatal(err)
		}
		if name == "go.mod" {
			text = regexp.MustCompile(`(?m)^module .*$`).ReplaceAll(text, []byte("module example.com/outside"))
			text = regexp.MustCompile(`=> \.\./\.\.`).ReplaceAll(text, []byte("=> "+root))
			text = append(text, "\nrequire "+assets.ModulePath+"/test/e2e v0.0.0\n\nreplace "+
				assets.ModulePath+"/test/e2e => "+assets.HarnessModule(root)+"\n"...)
		}
		if err := os.WriteFile(filepath.Join(dir, name), text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// componentsIn is one directory with links to all binaries.
func componentsIn(t *testing.T, layout assets.Layout) string {
	t.Helper()
	dir := t.TempDir()
	paths := []string{layout.Supervise}
	for _, c := range assets.Components() {
		paths = append(paths, layout.Path(c))
	}
	for _, path := range paths {
		if err := os.Symlink(path, filepath.Join(dir, filepath.Base(path))); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}
