// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

// Package chart_test holds the Helm chart to the manifests: what Helm 3 and Helm 4 render of it. What becomes of a release
// in a cluster is tested on a node.
package chart_test

import (
	"fmt"
	"os"
	"testing"

	"github.com/hookstrap/hookstrap/test/e2e/helm"
)

var helm3, helm4 helm.Helm

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
	helm3, helm4 = found[0], found[1]
	code := m.Run()
	_ = os.RemoveAll(home)
	os.Exit(code)
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
