// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package image

import (
	"strings"
	"testing"
)

// What a node takes for the ID of an image that it has, be it whole or the beginning of it, has come from anywhere.
func TestIDsMatchNothing(t *testing.T) {
	everything, err := ParsePatterns([]string{"docker.io/*", "docker.io/library/*"})
	if err != nil {
		t.Fatal(err)
	}
	for image, isID := range map[string]bool{
		sha256: true, sha512: true, sha256[7:]: true, "sha384:" + strings.Repeat("c3", 48): true, "sha256:a1": true, "cafe": true, "0": true,
		"docker.io/library/sha256:a1": false, "docker.io/cafe": false, "cafe:1": false, "library/cafe": false, "cafe@" + sha256: false,
		"cafes": false, "sha256": false, "sha256:latest": false, "sha1:a1": false, sha256[7:] + ":1": false,
	} {
		ref, err := Parse(image)
		if (err != nil) != isID || isID && !strings.Contains(err.Error(), "taken for the ID of an image that the node has; name the image") {
			t.Errorf("%s: got %+v, %v", image, ref, err)
		}
		if everything.Match(image) == isID {
			t.Errorf("%s: matches: %t", image, !isID)
		}
	}
	for _, pattern := range []string{sha256, "cafe"} {
		if p, err := ParsePattern(pattern); err == nil {
			t.Errorf("the pattern %s is %+v", pattern, p)
		}
	}
}

// An image is read no longer than one can be.
func TestLongReferences(t *testing.T) {
	longest := strings.Repeat("a", 30) + ".example/" + strings.Repeat("b", maxName-39) + ":" + strings.Repeat("t", maxTag) + "@" + sha512
	if len(longest) != maxReference {
		t.Fatalf("the longest has %d bytes, not %d", len(longest), maxReference)
	}
	if _, err := Parse(longest); err != nil {
		t.Error(err)
	}
	if _, err := Parse(longest + "0"); err == nil || !strings.Contains(err.Error(), "longer than") {
		t.Errorf("got %v", err)
	}
}
