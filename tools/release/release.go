// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"
)

// release is one version and where it is written to.
type release struct {
	root, output string // absolute directories
	version      string
	date         time.Time // the time of everything that has one
	platforms    []platform
	log          io.Writer
}

// write makes everything. The output appears when it is whole: what was there before stays if something fails.
func (r release) write(ctx context.Context) error {
	parent := filepath.Dir(r.output)
	if err := os.MkdirAll(parent, 0o750); err != nil {
		return err
	}
	work, err := os.MkdirTemp(parent, ".release-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(work) //nolint:errcheck // Best effort.
	dist := filepath.Join(work, "dist")
	if err := os.Mkdir(dist, 0o755); err != nil { // #nosec G301 -- it is to be published.
		return err
	}
	binaries, err := r.compile(ctx, work)
	if err != nil {
		return err
	}
	for _, step := range []struct {
		name string
		do   func(dist string, binaries []binary) error
	}{
		{"archives", r.writeArchives}, {"image", r.writeImage}, {"install.yaml", r.writeManifests},
		{"chart", r.writeChart}, {"SBOM", r.writeSBOM}, {"checksums", r.writeChecksums},
	} {
		r.say("writing: " + step.name)
		if err := step.do(dist, binaries); err != nil {
			return fmt.Errorf("writing the %s: %w", step.name, err)
		}
	}
	if err := os.RemoveAll(r.output); err != nil {
		return err
	}
	return os.Rename(dist, r.output)
}

func (r release) say(text string) { _, _ = fmt.Fprintln(r.log, text) }

// named is the name of a file of this release: hookstrap_v1.2.3_WHAT.
func (r release) named(what string) string { return "hookstrap_" + r.version + "_" + what }
