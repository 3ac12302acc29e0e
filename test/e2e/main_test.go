// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

// Package e2e holds the tests against a real control plane: etcd, kube-apiserver and kube-controller-manager. They need
// no root and no running cluster; `make components` builds what they start.
package e2e

import (
	"os"
	"testing"

	"github.com/hookstrap/hookstrap/test/e2e/cluster"
	"github.com/hookstrap/hookstrap/test/e2e/cluster/clustertest"
)

// shared is the control plane of all tests in this package; each works in namespaces of its own.
var shared *cluster.Cluster

func TestMain(m *testing.M) {
	os.Exit(clustertest.Main(m, func(c *cluster.Cluster) { shared = c }))
}
