// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package conformance_test

import (
	_ "crypto/sha256" // for digests, as runtimes have them
	_ "crypto/sha512"
	"strings"
	"testing"

	"github.com/distribution/reference"

	"github.com/hookstrap/hookstrap/internal/image"
)

var (
	sha256 = "sha256:" + strings.Repeat("a1", 32)
	sha512 = "sha512:" + strings.Repeat("b2", 64)
)

// maxName is how long a domain and path are together at most.
const maxName = 255

// FuzzDistribution holds the parser to the library that container runtimes read references with. What it reads, it reads
// as they do; what it does not read matches no pattern, and so it may read less.
func FuzzDistribution(f *testing.F) {
	for _, text := range []string{
		"nginx", "acme/app:1", "registry:5000/app:1@" + sha256, "[::1]:5000/a", "REG/app", "index.docker.io/a", "docker.io/a",
		"index.docker.io", "localhost/a", "localhost", "a@" + sha512, "a:b@sha384:" + strings.Repeat("c3", 48), "a.b_c/d", "a..b",
		strings.Repeat("a1", 32), sha256, "cafe", "cafe:1", "sha256:cafe", "sha256:cafe/x", "sha256", "docker.io/" + strings.Repeat("a1", 32),
		strings.Repeat("a1", 32) + ":1", strings.Repeat("a/", 123) + "b", "reg.example/" + strings.Repeat("a", 255), "a:" + strings.Repeat("t", 129),
		"sha256+b64:abc", "a@sha256+b64u:" + strings.Repeat("a", 64), "a@blake3:" + strings.Repeat("a", 64),
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		got, err := image.Parse(text)
		theirs, theirErr := reference.ParseNormalizedNamed(text)
		switch {
		case err != nil && theirErr != nil:
			return
		case err == nil && theirErr != nil:
			t.Fatalf("%q is read as %+v, but runtimes do not read it: %v", text, got, theirErr)
		case err != nil:
			// Deliberately less: IDs, a limit that is for both together, and a registry with an underscore, which theirs
			// takes for a part of the path and returns without a registry.
			tooLong := len(reference.Domain(theirs))+1+len(reference.Path(theirs)) > maxName
			if !strings.Contains(err.Error(), "taken for the ID of an image") && !tooLong && reference.Domain(theirs) != "" {
				t.Fatalf("%q is not read (%v), but runtimes read it as %s", text, err, theirs)
			}
			return
		}
		want := image.Reference{Domain: reference.Domain(theirs), Path: reference.Path(theirs)}
		if tagged, ok := theirs.(reference.Tagged); ok {
			want.Tag = tagged.Tag()
		}
		if digested, ok := theirs.(reference.Digested); ok {
			want.Digest = digested.Digest().String()
		}
		if got != want {
			t.Errorf("%q is read as %+v, and by runtimes as %+v", text, got, want)
		}
		// A full ID is what they know by themselves.
		if known, err := reference.ParseAnyReference(text); err == nil && known.String() != theirs.String() {
			t.Errorf("%q is read as %+v, but is %s to runtimes that take IDs", text, got, known)
		}
	})
}
