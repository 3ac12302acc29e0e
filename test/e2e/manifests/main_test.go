// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package manifests_test

import (
	"fmt"
	"os"
	"testing"
)

// TestMain runs the tests in the directory of the manifests.
func TestMain(m *testing.M) {
	if err := os.Chdir("../../../manifests"); err != nil {
		fmt.Fprintln(os.Stderr, "finding the manifests:", err)
		os.Exit(1)
	}
	os.Exit(m.Run())
}
