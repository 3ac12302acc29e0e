// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package check

import "testing"

func TestAllowedRegistries(t *testing.T) {
	const params = `allowed: ["docker.io/acme/*", "registry:5000/*", "ghcr.io/a/b", nginx]`
	image := func(ref string) string { return podSpec(`{containers: [{name: a, image: "` + ref + `"}]}`) }
	refused := func(ref, full string) []string {
		return []string{`spec.containers[0].image: container "a": image "` + ref + `" is ` + full +
			`, which is not in an allowed place; allowed: docker.io/acme/*, registry:5000/*, ghcr.io/a/b, nginx`}
	}
	testRows(t, "allowedRegistries", map[string]row{
		"below":                {params: params, object: image("docker.io/acme/app:1")},
		"deep below":           {params: params, object: image("docker.io/acme/team/app:1")},
		"written short":        {params: params, object: image("acme/app")},
		"another spelling":     {params: params, object: image("index.docker.io/acme/app")},
		"begins the same":      {params: params, object: image("docker.io/acme-evil/app"), want: refused("docker.io/acme-evil/app", "docker.io/acme-evil/app")},
		"on another registry":  {params: params, object: image("evil.example/docker.io/acme/app"), want: refused("evil.example/docker.io/acme/app", "evil.example/docker.io/acme/app")},
		"registry with a port": {params: params, object: image("registry:5000/app")},
		"another port":         {params: params, object: image("registry:5001/app"), want: refused("registry:5001/app", "registry:5001/app")},
		"no port":              {params: params, object: image("registry/app"), want: refused("registry/app", "docker.io/registry/app")},
		"subdomain":            {params: params, object: image("x.registry:5000/app"), want: refused("x.registry:5000/app", "x.registry:5000/app")},
		"library image":        {params: params, object: image("docker.io/library/nginx:1.29")},
		"digest and tag":       {params: params, object: image("nginx:1@" + someDigest)},
		"another library":      {params: params, object: image("redis"), want: refused("redis", "docker.io/library/redis")},
		"a repository":         {params: params, object: image("ghcr.io/a/b:1")},
		"below a repository":   {params: params, object: image("ghcr.io/a/b/c:1"), want: refused("ghcr.io/a/b/c:1", "ghcr.io/a/b/c")},
		"upper case": {params: params, object: image("docker.io/Acme/app"), want: []string{
			`spec.containers[0].image: container "a": image "docker.io/Acme/app" is not a valid reference: ` +
				`its name must be lower case letters and digits, with single separators between them`}},
		"no image": {params: params, object: image(""), want: []string{
			`spec.containers[0].image: container "a": has no image`}},
		"ID": {params: `allowed: ["docker.io/*"]`, object: image(someDigest), want: []string{
			`spec.containers[0].image: container "a": image "` + someDigest + `" is taken for the ID of an image that the node has; ` +
				`name the image, with its registry or a tag`}},
		"a URL": {params: params, object: image("https://docker.io/acme/app"), want: []string{
			`spec.containers[0].image: container "a": image "https://docker.io/acme/app" is not a valid reference: ` +
				`its registry must be a host name or address with an optional port`}},
		"climbing": {params: params, object: image("docker.io/acme/../evil"), want: []string{
			`spec.containers[0].image: container "a": image "docker.io/acme/../evil" is not a valid reference: ` +
				`its name must be lower case letters and digits, with single separators between them`}},
		"all that runs": {
			params: `allowed: [nginx]`,
			object: podSpec(`{initContainers: [{name: i, image: x}], ephemeralContainers: [{name: e, image: why}],
				volumes: [{name: v, image: {reference: z}}, {name: later, image: {}}]}`),
			want: []string{
				`spec.initContainers[0].image: init container "i": image "x" is docker.io/library/x, ` +
					`which is not in an allowed place; allowed: nginx`,
				`spec.ephemeralContainers[0].image: ephemeral container "e": image "why" is docker.io/library/why, ` +
					`which is not in an allowed place; allowed: nginx`,
				`spec.volumes[0].image.reference: volume "v": image "z" is docker.io/library/z, ` +
					`which is not in an allowed place; allowed: nginx`,
			},
		},
	})
	testInvalid(t, "allowedRegistries", `{}`, "p.allowed")
	testInvalid(t, "allowedRegistries", `denied: ["*", nginx, "nginx:1", "nginx@`+someDigest+`", ghcr.io/*]`,
		"p.denied[0]", "p.denied[2]", "p.denied[3]")
	testInvalid(t, "allowedRegistries", `allowed: ["*", "docker.io/a*", ok, Bad]`, "p.allowed[0]", "p.allowed[1]", "p.allowed[3]")
}

// A denied place is denied within an allowed one too, however the image is written.
func TestDeniedRegistries(t *testing.T) {
	image := func(ref string) string { return podSpec(`{containers: [{name: a, image: "` + ref + `"}]}`) }
	denied := func(ref, full string) []string {
		return []string{`spec.containers[0].image: container "a": image "` + ref + `" is ` + full +
			`, which is in a denied place; take it from another one`}
	}
	const only, both = `denied: [docker.io/*, quay.io/acme/old]`, `{allowed: [docker.io/*], denied: [docker.io/evil/*]}`
	testRows(t, "allowedRegistries", map[string]row{
		"a registry":              {params: only, object: image("docker.io/acme/app"), want: denied("docker.io/acme/app", "docker.io/acme/app")},
		"the registry of no name": {params: only, object: image("nginx:1"), want: denied("nginx:1", "docker.io/library/nginx")},
		"its other name":          {params: only, object: image("index.docker.io/a/b"), want: denied("index.docker.io/a/b", "docker.io/a/b")},
		"by digest":               {params: only, object: image("quay.io/acme/old@" + someDigest), want: denied("quay.io/acme/old@"+someDigest, "quay.io/acme/old")},
		"any other":               {params: only, object: image("quay.io/acme/new")},
		"a name like it":          {params: only, object: image("docker.io.example/a")},
		"what is none":            {params: only, object: image(""), want: []string{`spec.containers[0].image: container "a": has no image`}},
		"in an allowed place":     {params: both, object: image("evil/app"), want: denied("evil/app", "docker.io/evil/app")},
		"beside it":               {params: both, object: image("evil-not/app")},
		"in none": {params: both, object: image("ghcr.io/a"), want: []string{
			`spec.containers[0].image: container "a": image "ghcr.io/a" is ghcr.io/a, which is not in an allowed place; allowed: docker.io/*`}},
	})
	testUpdate(t, "allowedRegistries", only, image("nginx:1"), image("nginx:1"), true)
	testUpdate(t, "allowedRegistries", only, image("nginx:1"), image("nginx:2"), false)
}
