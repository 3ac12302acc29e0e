// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

// Package chart_test holds the Helm chart to the manifests, with Helm 3 and Helm 4: what it renders, and what an API server
// makes of a release.
package chart_test

import (
	"fmt"
	"os"
	"testing"

	"github.com/hookstrap/hookstrap/test/e2e/cluster"
	"github.com/hookstrap/hookstrap/test/e2e/cluster/clustertest"
	"github.com/hookstrap/hookstrap/test/e2e/helm"
)

var (
	shared *cluster.Cluster
	// helm3 and helm4 have the cluster's kubeconfig.
	helm3, helm4 helm.Helm
)

func TestMain(m *testing.M) {
	home, err := os.MkdirTemp("", "helm-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	found, err := helm.Find(home)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	code := clustertest.Main(m, func(c *cluster.Cluster) {
		shared, helm3, helm4 = c, found[0], found[1]
		helm3.Kubeconfig, helm4.Kubeconfig = c.Kubeconfig(), c.Kubeconfig()
	})
	_ = os.RemoveAll(home)
	os.Exit(code)
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
