// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package image

import (
	"regexp"
	"strings"
	"testing"
)

// FuzzGrammar holds the grammar to the regular expressions that it is defined by.
func FuzzGrammar(f *testing.F) {
	const (
		component = `[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*`
		label     = `(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9])`
	)
	rules := map[string]struct {
		is   func(string) bool
		want *regexp.Regexp
	}{
		"domain": {isDomain, regexp.MustCompile(
			`^(?:` + label + `(?:\.` + label + `)*|\[[a-fA-F0-9:]+\])(?::[0-9]+)?$`)},
		"path": {isPath, regexp.MustCompile(`^` + component + `(?:/` + component + `)*$`)},
		"tag":  {isTag, regexp.MustCompile(`^\w[\w.-]{0,127}$`)},
		"digest": {isDigest, regexp.MustCompile(
			`^(?:sha256:[a-f0-9]{64}|sha384:[a-f0-9]{96}|sha512:[a-f0-9]{128})$`)},
	}
	for _, text := range []string{
		"", "a", "A", "-", "a-", "-a", "a--b", "a---", "a.b", "a..b", "a.", ".a", "a_b", "a__b", "a___b", "a_", "__a", "a._b",
		"a-_b", "a_-b", "a/b", "a//b", "a/", "/a", "a/-b", "a:1", "a:", ":1", "a:b", "a:1:2", "[::1]", "[::1]:5000", "[]", "[",
		"[::g]", "[::1]a", "[::1]:", "[::1", "::1]", "a]", "a.B-c.d:65535", "a-.b", "a.-b", "a b", "a\n", "\n", "ä", "a\x00", "é:1",
		strings.Repeat("t", 128), strings.Repeat("t", 129), "_a", ".t", "t.-_", "sha256:", "sha256", "md5:ab", sha256, sha512,
		sha256 + "0", sha256[:70], "sha384:" + strings.Repeat("0", 96), strings.ToUpper(sha256),
		"sha256:" + strings.Repeat("g", 64),
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		for name, rule := range rules {
			if got, want := rule.is(text), rule.want.MatchString(text); got != want {
				t.Errorf("%q as a %s: %t, want %t", text, name, got, want)
			}
		}
	})
}

func BenchmarkParse(b *testing.B) {
	for b.Loop() {
		if _, err := Parse("registry.example.com:5000/shop/checkout:2026.5.1"); err != nil {
			b.Fatal(err)
		}
	}
}
