// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build !linux

package serving

import (
	"os"
	"testing"
)

// asOrdinaryUser runs do, which proves nothing about permissions when root does.
func asOrdinaryUser(t *testing.T, do func()) {
	t.Helper()
	if os.Getuid() == 0 {
		t.Fatal("root may write everywhere: run the tests as somebody else")
	}
	do()
}
