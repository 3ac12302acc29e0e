// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package image

import (
	_ "crypto/sha256" // for digests, as runtimes have them
	_ "crypto/sha512"
	"strings"
	"testing"

	"github.com/distribution/reference"
)

// FuzzDistribution holds the parser to the library that container runtimes read references with. What it reads, it reads
// as they do; what it does not read matches no pattern, and so it may read less.
func FuzzDistribution(f *testing.F) {
	for _, image := range []string{
		"nginx", "acme/app:1", "registry:5000/app:1@" + sha256, "[::1]:5000/a", "REG/app", "index.docker.io/a", "docker.io/a",
		"index.docker.io", "localhost/a", "localhost", "a@" + sha512, "a:b@sha384:" + strings.Repeat("c3", 48), "a.b_c/d", "a..b",
		strings.Repeat("a1", 32), sha256, "cafe", "cafe:1", "sha256:cafe", "sha256:cafe/x", "sha256", "docker.io/" + strings.Repeat("a1", 32),
		strings.Repeat("a1", 32) + ":1", strings.Repeat("a/", 123) + "b", "reg.example/" + strings.Repeat("a", 255), "a:" + strings.Repeat("t", 129),
		"sha256+b64:abc", "a@sha256+b64u:" + strings.Repeat("a", 64), "a@blake3:" + strings.Repeat("a", 64),
	} {
		f.Add(image)
	}
	f.Fuzz(func(t *testing.T, image string) {
		got, err := Parse(image)
		theirs, theirErr := reference.ParseNormalizedNamed(image)
		switch {
		case err != nil && theirErr != nil:
			return
		case err == nil && theirErr != nil:
			t.Fatalf("%q is read as %+v, but runtimes do not read it: %v", image, got, theirErr)
		case err != nil:
			// Deliberately less: IDs, a limit that is for both together, and a registry with an underscore, which theirs
			// takes for a part of the path and returns without a registry.
			tooLong := len(reference.Domain(theirs))+1+len(reference.Path(theirs)) > maxName
			if !isID(image) && !tooLong && reference.Domain(theirs) != "" {
				t.Fatalf("%q is not read (%v), but runtimes read it as %s", image, err, theirs)
			}
			return
		}
		want := Reference{Domain: reference.Domain(theirs), Path: reference.Path(theirs)}
		if tagged, ok := theirs.(reference.Tagged); ok {
			want.Tag = tagged.Tag()
		}
		if digested, ok := theirs.(reference.Digested); ok {
			want.Digest = digested.Digest().String()
		}
		if got != want {
			t.Errorf("%q is read as %+v, and by runtimes as %+v", image, got, want)
		}
		// A full ID is what they know by themselves.
		if known, err := reference.ParseAnyReference(image); err == nil && known.String() != theirs.String() {
			t.Errorf("%q is read as %+v, but is %s to runtimes that take IDs", image, got, known)
		}
	})
}

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
