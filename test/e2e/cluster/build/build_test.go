// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/hookstrap/hookstrap/test/e2e/cluster/internal/assets"
)

func TestBuildsWhatIsMissingAndNothingElse(t *testing.T) {
	b, out := fixture(t)
	if err := b.build(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := b.layout.Missing(assets.Components()); err != nil {
		t.Error(err)
	}
	for _, want := range []string{"[1/4] building etcd (typically", "[4/4] building kubectl", "done: ", "is complete"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("printed\n%swant %q in it", out, want)
		}
	}
	for _, c := range assets.Components()[1:] {
		if got, want := output(t, b.layout.Path(c)), "v1.37.2 1.37 clean"; got != want {
			t.Errorf("%s says it is %q, want %q", c, got, want)
		}
	}
	if left, _ := filepath.Glob(filepath.Join(b.layout.Dir, "*.partial")); left != nil {
		t.Errorf("left behind: %v", left)
	}

	out.Reset()
	long := time.Now().Add(-time.Hour).Truncate(time.Second)
	touch(t, b.layout.Path(assets.APIServer), long)
	if err := os.Remove(b.layout.Path(assets.Kubectl)); err != nil {
		t.Fatal(err)
	}
	if err := b.build(t.Context()); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(out.String(), "[1/1] building kubectl") {
		t.Errorf("printed\n%swant only kubectl built", out)
	}
	info, err := os.Stat(b.layout.Path(assets.APIServer))
	if err != nil || !info.ModTime().Equal(long) {
		t.Errorf("the API server was built again: %v, %v", info, err)
	}

	out.Reset()
	if err := b.build(t.Context()); err != nil {
		t.Fatal(err)
	}
	if lines := strings.Count(out.String(), "\n"); lines != 1 {
		t.Errorf("with everything in place it printed\n%swant one line", out)
	}
}

func TestSuperviseFollowsItsSource(t *testing.T) {
	b, _ := fixture(t)
	if err := b.compile(t.Context(), b.supervise()); err != nil {
		t.Fatal(err)
	}
	source := filepath.Join(b.layout.Root, "test", "e2e", "cluster", "supervise", "main.go")
	write(t, source, "package main\n\nfunc main() { println(\"changed\") }\n")
	if err := b.compile(t.Context(), b.supervise()); err != nil {
		t.Fatal(err)
	}
	if got := output(t, b.layout.Supervise); got != "changed" {
		t.Errorf("supervise says %q: it is not of its present source", got)
	}
}

func TestFailureQuotesTheCompilerAndLeavesNothing(t *testing.T) {
	b, _ := fixture(t)
	write(t, filepath.Join(b.layout.Root, "kubernetes/cmd/kube-apiserver/main.go"), "package main\n\nfunc main() { nope() }\n")
	err := b.build(t.Context())
	if err == nil {
		t.Fatal("a component that does not compile was built")
	}
	for _, want := range []string{"building k8s.io/kubernetes/cmd/kube-apiserver in ", "undefined: nope"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want %q in it", err, want)
		}
	}
	absent := b.layout.Absent(b.wanted)
	if len(absent) != 3 || absent[0] != assets.APIServer {
		t.Errorf("absent: %v, want all but etcd, which was built before", absent)
	}
	if left, _ := filepath.Glob(filepath.Join(b.layout.Dir, "*.partial")); left != nil {
		t.Errorf("left behind: %v", left)
	}
}

func TestInterruptedBuildSaysSo(t *testing.T) {
	b, _ := fixture(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	err := b.build(ctx)
	if err == nil || !strings.Contains(err.Error(), "run it again, what was compiled is kept") {
		t.Errorf("error %v, want one that invites to run it again", err)
	}
	if absent := b.layout.Absent(b.wanted); len(absent) != 4 {
		t.Errorf("absent: %v, want everything", absent)
	}
}

func TestTwoBuildsAtOnce(t *testing.T) {
	b, out := fixture(t)
	file := filepath.Join(t.TempDir(), "lock")
	unlock, err := lock(file, func() { t.Error("waited for nobody") })
	if err != nil {
		t.Fatal(err)
	}
	waiting, done := make(chan struct{}), make(chan error)
	go func() {
		unlock, err := lock(file, func() { close(waiting) })
		if err == nil {
			defer unlock()
			err = b.all(context.WithoutCancel(t.Context()))
		}
		done <- err
	}()
	<-waiting
	// The first one builds during that time; the second has to see that when its turn comes.
	if err := b.all(t.Context()); err != nil {
		t.Fatal(err)
	}
	unlock()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if got := strings.Count(out.String(), "building kubectl"); got != 1 {
		t.Errorf("kubectl was built %d times, want once", got)
	}
}

func touch(t *testing.T, path string, when time.Time) {
	t.Helper()
	if err := os.Chtimes(path, when, when); err != nil {
		t.Fatal(err)
	}
}

func TestNodeIsBuiltOnRequest(t *testing.T) {
	b, out := fixture(t)
	if err := b.build(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := b.layout.MissingNode(); err == nil || !strings.Contains(err.Error(), "run `make node-components`") {
		t.Errorf("without a request: %v, want an error that says how to get the node", err)
	}
	out.Reset()
	b.wanted = append(b.wanted, assets.NodeComponents()...)
	if err := b.build(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := b.layout.MissingNode(); err != nil {
		t.Error(err)
	}
	for _, want := range []string{"[1/3] building kubelet", "[3/3] building kube-proxy"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("printed\n%swant %q in it", out, want)
		}
	}
}
