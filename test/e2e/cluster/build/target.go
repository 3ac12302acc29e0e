// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"path/filepath"
	"strings"

	"github.com/hookstrap/hookstrap/test/e2e/cluster/internal/assets"
)

// target is one binary to build.
type target struct {
	module  string // directory of the module to build in
	pkg     string
	path    string
	ldflags string
	flags   []string
	quiet   bool // no heartbeat: it takes a second
}

func (b *builder) component(c assets.Component) target {
	t := target{
		module:  b.layout.Module(c),
		pkg:     c.Package(),
		path:    b.layout.Path(c),
		ldflags: "-s -w " + stamp(b.layout.Versions.Kubernetes),
	}
	if t.module != assets.ComponentsModule(b.layout.Root) {
		t.flags = otherFlags()
	}
	return t
}

// demoTargets are the demo and the server, as it is released.
func (b *builder) demoTargets(dir string) []target {
	harness := assets.HarnessModule(b.layout.Root)
	return []target{
		{module: harness, pkg: assets.ModulePath + "/test/e2e/demo", path: filepath.Join(dir, "demo"), ldflags: "-s -w"},
		{
			module: b.layout.Root, pkg: assets.ModulePath + "/cmd/webhook", path: filepath.Join(dir, "webhook"),
			ldflags: "-s -w", flags: []string{"-modfile=release.mod"},
		},
	}
}

func (b *builder) supervise() target {
	return target{
		module: assets.HarnessModule(b.layout.Root),
		pkg:    assets.ModulePath + "/test/e2e/cluster/supervise",
		path:   b.layout.Supervise,
		quiet:  true,
	}
}

// stamp returns the linker flags that make the components report their version; without them Kubernetes calls itself
// v0.0.0-master and clients warn of version skew.
func stamp(version string) string {
	const pkg = "k8s.io/component-base/version"
	numbers := strings.SplitN(strings.TrimPrefix(version, "v"), ".", 3)
	flags := []string{
		"-X " + pkg + ".gitVersion=" + version,
		"-X " + pkg + ".gitMajor=" + numbers[0],
	}
	if len(numbers) > 1 {
		flags = append(flags, "-X "+pkg+".gitMinor="+numbers[1])
	}
	return strings.Join(append(flags,
		"-X "+pkg+".gitTreeState=clean",
		"-X k8s.io/client-go/pkg/version.gitVersion="+version), " ")
}

// typical is what a first build takes on two cores. People who see nothing for ten minutes press Ctrl-C.
func typical(c assets.Component) string {
	switch c {
	case assets.Etcd:
		return "typically 1-2 minutes"
	case assets.APIServer:
		return "typically 7-10 minutes: it compiles what the next ones share"
	case assets.ControllerManager:
		return "typically 2-3 minutes"
	case assets.Kubelet:
		return "typically 1-3 minutes"
	case assets.Kubectl, assets.Scheduler, assets.Proxy:
		return "typically 1 minute"
	}
	return "a while"
}
