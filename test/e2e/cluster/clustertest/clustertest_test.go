// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package clustertest_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"

	"github.com/hookstrap/hookstrap/test/e2e/cluster"
	"github.com/hookstrap/hookstrap/test/e2e/cluster/clustertest"
)

var shared *cluster.Cluster

func TestMain(m *testing.M) {
	os.Exit(clustertest.Main(m, func(c *cluster.Cluster) { shared = c }))
}

func TestNamespaceIsFreshFilledAndDeleted(t *testing.T) {
	client, err := kubernetes.NewForConfig(shared.Config())
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	t.Run("inside", func(t *testing.T) {
		names = append(names, clustertest.Namespace(t, shared), clustertest.Namespace(t, shared))
		for _, name := range names {
			if err := cluster.NamespaceReady(t.Context(), client, name); err != nil {
				t.Error(err)
			}
		}
	})
	if names[0] == names[1] {
		t.Errorf("two calls gave the same namespace %s", names[0])
	}
	for _, name := range names {
		ns, err := client.CoreV1().Namespaces().Get(t.Context(), name, metav1.GetOptions{})
		if !apierrors.IsNotFound(err) && (err != nil || ns.Status.Phase != corev1.NamespaceTerminating) {
			t.Errorf("namespace %s after its test: %v, %v; want it deleted", name, ns, err)
		}
	}
}

func TestEventuallyWaits(t *testing.T) {
	calls := 0
	clustertest.Eventually(t, func(context.Context) error {
		if calls++; calls < 3 {
			return errors.New("not yet")
		}
		return nil
	})
	if calls != 3 {
		t.Errorf("%d calls, want 3", calls)
	}
}

func TestEventuallyFailsWithTheLastError(t *testing.T) {
	r := &recorder{TB: t}
	r.run(func() {
		clustertest.EventuallyWithin(r, time.Millisecond, func(context.Context) error {
			return errors.New("still pending")
		})
	})
	if !strings.Contains(r.fatal, "still pending") {
		t.Errorf("the test failed with %q, want the condition's error", r.fatal)
	}
}

func TestStartFailsTheTestWithTheReason(t *testing.T) {
	t.Setenv("HOOKSTRAP_COMPONENTS_DIR", t.TempDir())
	r := &recorder{TB: t}
	r.run(func() { clustertest.Start(r) })
	if !strings.Contains(r.fatal, "make components") {
		t.Errorf("the test failed with %q, want what to do", r.fatal)
	}
}

func TestPorts(t *testing.T) {
	var first net.Listener
	t.Run("inside", func(t *testing.T) {
		first = clustertest.Listen(t)
		if second := clustertest.Listen(t); first.Addr().String() == second.Addr().String() {
			t.Errorf("both listen on %s", first.Addr())
		}
	})
	if err := first.Close(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("the listener outlived its test: %v", err)
	}
	port := clustertest.FreePort(t)
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", fmt.Sprintf("127.0.0.1:%d", port))
	if err != nil {
		t.Fatalf("the port is not free: %v", err)
	}
	_ = l.Close()
}

// recorder is a test which may fail without failing the real one.
type recorder struct {
	testing.TB
	fatal string
}

// run calls f on a goroutine of its own, which a fatal failure ends.
func (r *recorder) run(f func()) {
	var done sync.WaitGroup
	done.Go(f)
	done.Wait()
}

func (r *recorder) Fatal(args ...any) {
	r.fatal = fmt.Sprint(args...)
	runtime.Goexit()
}

func (r *recorder) Fatalf(format string, args ...any) { r.Fatal(fmt.Sprintf(format, args...)) }
