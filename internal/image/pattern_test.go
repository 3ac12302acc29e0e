// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package image

import (
	"fmt"
	"strings"
	"testing"
)

func TestPattern(t *testing.T) {
	digest, other := "@sha256:"+strings.Repeat("a", 64), "@sha256:"+strings.Repeat("b", 64)
	tests := []struct {
		pattern string
		matches []string
		not     []string
	}{
		{
			"nginx",
			[]string{"nginx", "nginx:1", "docker.io/nginx", "index.docker.io/library/nginx:1" + digest},
			[]string{"nginx-evil", "acme/nginx", "ghcr.io/library/nginx", "nginx/x", "NGINX", ""},
		},
		{
			"docker.io/acme/*",
			[]string{"acme/app", "docker.io/acme/app:1", "acme/a/b" + digest},
			[]string{"docker.io/acme-evil/app", "acme", "docker.io/acme", "ghcr.io/acme/app", "docker.io.evil.com/acme/app"},
		},
		{"acme/*", []string{"docker.io/acme/app"}, []string{"acme-evil/app", "evil/acme/app"}},
		{
			"ghcr.io/*",
			[]string{"ghcr.io/a", "ghcr.io/a/b:1"},
			[]string{"ghcr.io.evil.com/a", "ghcr.io:5000/a", "evil/ghcr.io/a"},
		},
		{"docker.io/*", []string{"nginx", "acme/app"}, []string{"quay.io/nginx"}},
		{"localhost:5000/*", []string{"localhost:5000/app"}, []string{"localhost/app", "localhost:50001/app"}},
		{"registry:5000/app", []string{"registry:5000/app:1"}, []string{"registry:5000/app2", "registry/app:5000"}},
		{"nginx:1.29", []string{"nginx:1.29"}, []string{"nginx", "nginx:1.29.1", "nginx:1.29" + digest}},
		{"nginx" + digest, []string{"nginx" + digest, "nginx:1" + digest}, []string{"nginx", "nginx" + other}},
	}
	for _, tt := range tests {
		p, err := ParsePattern(tt.pattern)
		if err != nil {
			t.Fatal(err)
		}
		for want, images := range map[bool][]string{true: tt.matches, false: tt.not} {
			for _, image := range images {
				t.Run(fmt.Sprintf("%s %s", tt.pattern, image), func(t *testing.T) {
					if got := (Patterns{p}).Match(image); got != want {
						t.Errorf("got %t, want %t", got, want)
					}
				})
			}
		}
	}
}

func TestPatternErrors(t *testing.T) {
	bad := []string{"", "*", "/*", "a*", "*/app", "ghcr.io/*/app", "ghcr.io/acme*", "ghcr.io/acme/**", "Acme/App", "a b/*", "a:1/*/*"}
	for _, text := range bad {
		t.Run(text, func(t *testing.T) {
			if p, err := ParsePattern(text); err == nil {
				t.Errorf("got %+v", p)
			}
		})
	}
	_, err := ParsePatterns([]string{"ok", "*", "Acme"})
	if err == nil || !strings.Contains(err.Error(), `"*"`) || !strings.Contains(err.Error(), `"Acme"`) {
		t.Errorf("got %v", err)
	}
}

func TestPatterns(t *testing.T) {
	p, err := ParsePatterns([]string{"nginx", "ghcr.io/acme/*"})
	if err != nil {
		t.Fatal(err)
	}
	for image, want := range map[string]bool{"nginx:1": true, "ghcr.io/acme/app": true, "quay.io/acme/app": false} {
		if p.Match(image) != want {
			t.Errorf("%s: want %t", image, want)
		}
	}
}
