// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package clustertest

import (
	"testing"

	"github.com/hookstrap/hookstrap/test/e2e/cluster"
)

// Since ends a test about something that Kubernetes has since 1.minor, where the control plane is an older one.
// It is the one skip that there may be: `make test-versions` lists these tests, and with the pinned version, which is
// CI's, none of them ends here.
func Since(t testing.TB, c *cluster.Cluster, minor int, what string) {
	t.Helper()
	if have := Minor(t, c); have < minor {
		t.Skipf("not applicable to Kubernetes 1.%d: %s is there since 1.%d", have, what, minor)
	}
}

// Minor is the minor version of the control plane: 37 for Kubernetes 1.37.
func Minor(t testing.TB, c *cluster.Cluster) int {
	t.Helper()
	minor, err := c.Minor()
	if err != nil {
		t.Fatal(err)
	}
	return minor
}
