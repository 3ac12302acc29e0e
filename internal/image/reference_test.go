// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package image

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var (
	sha256 = "sha256:" + strings.Repeat("a1", 32)
	sha512 = "sha512:" + strings.Repeat("b2", 64)
)

func TestParse(t *testing.T) {
	tests := map[string]Reference{
		"nginx":                           {Domain: "docker.io", Path: "library/nginx"},
		"nginx:1.29":                      {Domain: "docker.io", Path: "library/nginx", Tag: "1.29"},
		"acme/app":                        {Domain: "docker.io", Path: "acme/app"},
		"docker.io/nginx":                 {Domain: "docker.io", Path: "library/nginx"},
		"docker.io/library/nginx":         {Domain: "docker.io", Path: "library/nginx"},
		"index.docker.io/acme/app:1":      {Domain: "docker.io", Path: "acme/app", Tag: "1"},
		"registry:5000/app":               {Domain: "registry:5000", Path: "app"},
		"registry:5000/app:1":             {Domain: "registry:5000", Path: "app", Tag: "1"},
		"registry:5000/a/b@" + sha256:     {Domain: "registry:5000", Path: "a/b", Digest: sha256},
		"registry/app":                    {Domain: "docker.io", Path: "registry/app"},
		"registry:5000":                   {Domain: "docker.io", Path: "library/registry", Tag: "5000"},
		"localhost/app":                   {Domain: "localhost", Path: "app"},
		"REGISTRY/app":                    {Domain: "REGISTRY", Path: "app"},
		"ghcr.io/a/b/c:v1":                {Domain: "ghcr.io", Path: "a/b/c", Tag: "v1"},
		"[2001:db8::1]:5000/app:1":        {Domain: "[2001:db8::1]:5000", Path: "app", Tag: "1"},
		"[2001:db8::1]/app":               {Domain: "[2001:db8::1]", Path: "app"},
		"app@" + sha256:                   {Domain: "docker.io", Path: "library/app", Digest: sha256},
		"app:tag@" + sha256:               {Domain: "docker.io", Path: "library/app", Tag: "tag", Digest: sha256},
		"app@" + sha512:                   {Domain: "docker.io", Path: "library/app", Digest: sha512},
		"x/a.b__c---d/e_f:Tag_1.2-3":      {Domain: "docker.io", Path: "x/a.b__c---d/e_f", Tag: "Tag_1.2-3"},
		"app:" + strings.Repeat("t", 128): {Domain: "docker.io", Path: "library/app", Tag: strings.Repeat("t", 128)},
	}
	for image, want := range tests {
		t.Run(image, func(t *testing.T) {
			got, err := Parse(image)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestParseErrors(t *testing.T) {
	tests := map[string]string{
		"":                                      "name",
		" ":                                     "name",
		"nginx:":                                "tag",
		"nginx: 1":                              "tag",
		"nginx:1 ":                              "tag",
		"nginx\n":                               "name",
		"nginx:-1":                              "tag",
		"nginx:" + strings.Repeat("t", 129):     "tag",
		"Nginx":                                 "name",
		"acme/App":                              "name",
		"/nginx":                                "name",
		"nginx/":                                "name",
		"a//b":                                  "name",
		"a___b":                                 "name",
		"a..b":                                  "name",
		"-a":                                    "name",
		"a.b__c/app":                            "registry",
		"registry:port/app":                     "registry",
		"registry:/app":                         "registry",
		"-reg.io/app":                           "registry",
		"https://ghcr.io/app:1":                 "registry",
		"app@":                                  "digest",
		"app@latest":                            "digest",
		"app@sha256:" + strings.Repeat("a", 63): "digest",
		"app@sha256:" + strings.Repeat("A", 64): "digest",
		"app@md5:" + strings.Repeat("a", 32):    "digest",
		"app@" + sha256 + "@" + sha256:          "digest",
		"app@" + sha256 + ":tag":                "digest",
		strings.Repeat("a", 255):                "longer than 255",
		"nginx:1\x00":                           "tag",
	}
	for image, want := range tests {
		t.Run(image, func(t *testing.T) {
			got, err := Parse(image)
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("got %v, %v; want an error about its %s", got, err, want)
			}
			if got != (Reference{}) {
				t.Errorf("got %v with an error", got)
			}
		})
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{"nginx", "registry:5000/app:1@" + sha256, "[::1]:5000/a", "a@b@c", "::", "//"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, image string) {
		ref, err := Parse(image)
		if err != nil {
			return
		}
		// What was read, written out, is read the same again.
		long := ref.Domain + "/" + ref.Path
		if ref.Tag != "" {
			long += ":" + ref.Tag
		}
		if ref.Digest != "" {
			long += "@" + ref.Digest
		}
		again, err := Parse(long)
		if err != nil || again != ref {
			t.Errorf("%q is %+v, but %q is %+v, %v", image, ref, long, again, err)
		}
		if ref.Domain == "" || ref.Path == "" || !strings.HasSuffix(image, ref.Tag) && ref.Digest == "" {
			t.Errorf("%q is %+v", image, ref)
		}
	})
}
