// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

// Package clustertest gives tests a real control plane in one line.
//
// A package whose tests can share one control plane, each in a namespace of its own, starts it in TestMain:
//
//	var shared *cluster.Cluster
//
//	func TestMain(m *testing.M) {
//		os.Exit(clustertest.Main(m, func(c *cluster.Cluster) { shared = c }))
//	}
//
//	func TestSomething(t *testing.T) {
//		t.Parallel()
//		namespace := clustertest.Namespace(t, shared)
//		...
//		clustertest.Eventually(t, func(ctx context.Context) error { ... })
//	}
//
// A test that breaks its control plane starts one with Start.
package clustertest
