// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package check

import (
	"strings"
	"testing"
)

// sha256 is a digest that can be read.
var sha256 = "sha256:" + strings.Repeat("a1", 32)

func TestParseReferenceWritesOut(t *testing.T) {
	got, err := ParseReference("nginx@" + sha256)
	if want := (Reference{Domain: "docker.io", Path: "library/nginx", Digest: sha256}); err != nil || got != want {
		t.Errorf("got %+v, %v", got, err)
	}
}
