// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package check

import (
	"strings"
	"testing"
)

// someDigest is a digest that can be read.
var someDigest = "sha256:" + strings.Repeat("a1", 32)

func TestParseReferenceWritesOut(t *testing.T) {
	got, err := ParseReference("nginx@" + someDigest)
	if want := (Reference{Domain: "docker.io", Path: "library/nginx", Digest: someDigest}); err != nil || got != want {
		t.Errorf("got %+v, %v", got, err)
	}
}
