// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package clustertest

import (
	"context"
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/hookstrap/hookstrap/test/e2e/cluster"
)

// Main starts a cluster for all tests of a package, gives it to set, runs the tests and stops the cluster. It returns
// the exit code for os.Exit.
func Main(m *testing.M, set func(*cluster.Cluster)) int {
	began := time.Now()
	c, err := cluster.Start(context.Background(), cluster.Options{Name: "shared"})
	if err != nil {
		_, _ = fmt.Fprintf(os.Stderr, "starting the shared control plane: %v\n", err)
		return 1
	}
	_, _ = fmt.Fprintf(os.Stderr, "shared control plane ready in %s\n", since(began))
	set(c)
	code := m.Run()
	if err := c.Stop(); err != nil {
		_, _ = fmt.Fprintln(os.Stderr, err)
		return max(code, 1)
	}
	return code
}

// Start starts a cluster of the test's own and stops it when the test is over.
func Start(t testing.TB) *cluster.Cluster {
	t.Helper()
	return StartWith(t, cluster.Options{})
}

// StartWith is Start with options. The name defaults to the test's.
func StartWith(t testing.TB, opts cluster.Options) *cluster.Cluster {
	t.Helper()
	if opts.Name == "" {
		opts.Name = t.Name()
	}
	began := time.Now()
	c, err := cluster.Start(t.Context(), opts)
	if err != nil {
		t.Fatalf("starting a control plane: %v", err)
	}
	t.Logf("control plane ready in %s", since(began))
	t.Cleanup(func() {
		if err := c.Stop(); err != nil {
			t.Error(err)
		}
	})
	return c
}

func since(began time.Time) time.Duration { return time.Since(began).Round(10 * time.Millisecond) }
