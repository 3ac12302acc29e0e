// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package clustertest

import (
	"testing"

	"github.com/hookstrap/hookstrap/test/e2e/cluster"
)

// Since ends a test that is about something which Kubernetes has since 1.minor, where the control plane is an older one.
// `make test-versions` lists these tests; with the pinned version none of them ends here.
func Since(t testing.TB, c *cluster.Cluster, minor int, what string) {
	t.Helper()
	have, err := c.Minor()
	if err != nil {
		t.Fatal(err)
	}
	if have < minor {
		t.Skipf("not applicable to Kubernetes 1.%d: %s is there since 1.%d", have, what, minor)
	}
}
