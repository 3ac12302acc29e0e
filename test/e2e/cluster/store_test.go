// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package cluster_test

import (
	"testing"

	"sigs.k8s.io/controller-runtime/pkg/envtest"

	"github.com/hookstrap/hookstrap/test/e2e/cluster/internal/assets"
)

// The build looks for existing binaries where envtest does. It does not import envtest, so that it starts at once.
func TestStoreIsThatOfEnvtest(t *testing.T) {
	t.Setenv("XDG_DATA_HOME", "/data")
	want, err := envtest.SetupEnvtestDefaultBinaryAssetsDirectory()
	if err != nil {
		t.Fatal(err)
	}
	if got := assets.Store(); got != want {
		t.Errorf("the store is %s, want %s", got, want)
	}
}
