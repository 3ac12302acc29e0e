// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package node

import (
	"runtime"
	"strings"
	"testing"

	"github.com/hookstrap/hookstrap/test/e2e/cluster/internal/assets"
)

func TestSaysWhatIsMissing(t *testing.T) {
	if runtime.GOOS != "linux" {
		wantError(t, require(assets.Layout{}, 0), "it needs Linux")
		return
	}
	wantError(t, require(assets.Layout{}, 1000), "it needs root", "run it with sudo")
	wantError(t, require(assets.Layout{Dir: t.TempDir()}, 0), "kubelet", "run `make node-components`")
}

func wantError(t *testing.T, err error, parts ...string) {
	t.Helper()
	for _, part := range parts {
		if err == nil || !strings.Contains(err.Error(), part) || strings.Contains(err.Error(), "\n") {
			t.Errorf("error %v, want one line with %q", err, part)
		}
	}
}
