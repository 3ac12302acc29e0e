// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// platform is an operating system and a processor, as Go calls them.
type platform struct{ os, arch string }

func (p platform) String() string { return p.os + "/" + p.arch }

func parsePlatforms(text string) ([]platform, error) {
	var platforms []platform
	for each := range strings.SplitSeq(text, ",") {
		os, arch, ok := strings.Cut(each, "/")
		if !ok {
			return nil, fmt.Errorf("%q is not a platform: write it like linux/amd64", each)
		}
		platforms = append(platforms, platform{os, arch})
	}
	return platforms, nil
}

// binary is the server, compiled.
type binary struct {
	platform platform
	path     string
}

// compile compiles for every platform, as the Dockerfile does: these are the image's binaries, too.
func (r release) compile(ctx context.Context, dir string) ([]binary, error) {
	var binaries []binary
	for _, p := range r.platforms {
		r.say("compiling: " + p.String())
		b := binary{platform: p, path: filepath.Join(dir, p.os+"-"+p.arch, "webhook")}
		cmd := exec.CommandContext(ctx, "go", "build", "-modfile=release.mod", "-trimpath", "-buildvcs=false", // #nosec G204
			"-ldflags=-s -w -X main.version="+r.version, "-o", b.path, "./cmd/webhook")
		cmd.Dir = r.root
		cmd.Env = append(os.Environ(), p.environment()...)
		cmd.Stdout, cmd.Stderr = r.log, os.Stderr
		if err := cmd.Run(); err != nil {
			return nil, fmt.Errorf("compiling for %s: %w", p, err)
		}
		binaries = append(binaries, b)
	}
	return binaries, nil
}

// environment is what the go command is told. What changes its output is fixed, whatever the machine's own says.
func (p platform) environment() []string {
	return []string{
		"CGO_ENABLED=0", "GOOS=" + p.os, "GOARCH=" + p.arch, "GOAMD64=v1", "GOARM64=v8.0",
		"GOFLAGS=-mod=readonly", "GOEXPERIMENT=", "GOFIPS140=off", "GOWORK=off",
	}
}
