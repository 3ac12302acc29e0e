// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package clustertest

import (
	"context"
	"errors"
	"net"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"

	"github.com/hookstrap/hookstrap/test/e2e/cluster"
	"github.com/hookstrap/hookstrap/test/e2e/cluster/internal/poll"
	"github.com/hookstrap/hookstrap/test/ports"
)

// patience is far longer than anything a healthy control plane takes, so that a slow machine fails no test.
const patience = 30 * time.Second

// Eventually calls cond every 50 ms until it returns nil. After 30 s the test fails with cond's last error. It must be
// called from the test's own goroutine.
func Eventually(t testing.TB, cond func(ctx context.Context) error) {
	t.Helper()
	EventuallyWithin(t, patience, cond)
}

// EventuallyWithin is Eventually with another timeout.
func EventuallyWithin(t testing.TB, timeout time.Duration, cond func(ctx context.Context) error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), timeout)
	defer cancel()
	if err := poll.Until(ctx, cond); err != nil {
		t.Fatal(err)
	}
}

// Namespace creates a namespace for one test, waits until the controller-manager has filled it, and deletes it when the
// test is over.
func Namespace(t testing.TB, c *cluster.Cluster) string {
	t.Helper()
	client, err := kubernetes.NewForConfig(c.Config())
	if err != nil {
		t.Fatalf("making a client: %v", err)
	}
	wanted := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: "test-"}}
	created, err := client.CoreV1().Namespaces().Create(t.Context(), wanted, metav1.CreateOptions{})
	if err != nil {
		t.Fatalf("creating a namespace: %v", err)
	}
	t.Cleanup(func() {
		// The test's own context has ended by now.
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if err := client.CoreV1().Namespaces().Delete(ctx, created.Name, metav1.DeleteOptions{}); err != nil {
			t.Errorf("deleting namespace %s: %v", created.Name, err)
		}
	})
	Eventually(t, func(ctx context.Context) error { return cluster.NamespaceReady(ctx, client, created.Name) })
	return created.Name
}

// Listen listens on a free port of 127.0.0.1 until the test is over. Serving from the listener itself leaves no other
// process a chance to take the port.
func Listen(t testing.TB) net.Listener {
	t.Helper()
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatalf("listening on a free port: %v", err)
	}
	t.Cleanup(func() {
		if err := l.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
			t.Errorf("closing %s: %v", l.Addr(), err)
		}
	})
	return l
}

// FreePort returns a port of 127.0.0.1 for a server that can only be told a number; see [ports.Free].
func FreePort(t testing.TB) int {
	t.Helper()
	free, err := ports.Free(t.Context(), 1)
	if err != nil {
		t.Fatal(err)
	}
	return free[0]
}
