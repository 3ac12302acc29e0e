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
	testInvalid(t, "allowedRegistries", `allowed: ["*", "docker.io/a*", ok, Bad]`, "p.allowed[0]", "p.allowed[1]", "p.allowed[3]")
}
