// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/mod/modfile"

	"github.com/hookstrap/hookstrap/test/e2e/cluster/internal/assets"
)

const kubernetes = "k8s.io/kubernetes"

// otherFlags build a Kubernetes that is not the pinned one. The module that is made for it requires nothing else, so
// that the go command looks up the rest. The tag leaves out the clients of clouds that Kubernetes 1.30 and older have.
func otherFlags() []string { return []string{"-mod=mod", "-tags=providerless"} }

// makeModule makes the module in which a Kubernetes that is not the pinned one is built, if any of it is to be.
func (b *builder) makeModule(ctx context.Context, absent []assets.Component) error {
	of := slices.IndexFunc(absent, func(c assets.Component) bool {
		return b.layout.Module(c) != assets.ComponentsModule(b.layout.Root)
	})
	if of < 0 {
		return nil
	}
	dir, version := b.layout.Module(absent[of]), b.layout.Versions.Kubernetes
	cmd := goCommand(ctx, b.layout.Root, "mod", "download", "-json", kubernetes+"@"+version)
	said, err := cmd.Output()
	var found struct{ GoMod, Error string }
	if err := json.Unmarshal(said, &found); err != nil {
		return fmt.Errorf("downloading %s@%s: %w", kubernetes, version, err)
	}
	if err != nil {
		return fmt.Errorf("downloading %s@%s: %w: %s", kubernetes, version, err, found.Error)
	}
	upstream, err := os.ReadFile(found.GoMod)
	if err != nil {
		return fmt.Errorf("reading what %s@%s requires: %w", kubernetes, version, err)
	}
	content, err := moduleOf(version, upstream)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return fmt.Errorf("making a module for %s@%s: %w", kubernetes, version, err)
	}
	return os.WriteFile(filepath.Join(dir, "go.mod"), content, 0o600)
}

// moduleOf is a go.mod that requires a version of Kubernetes, given that version's own: what that takes from its own
// repository is published as modules of the same minor and patch.
func moduleOf(version string, upstream []byte) ([]byte, error) {
	theirs, err := modfile.Parse("go.mod of "+kubernetes+" "+version, upstream, nil)
	if err != nil {
		return nil, fmt.Errorf("reading what %s@%s requires: %w", kubernetes, version, err)
	}
	published, found := strings.CutPrefix(version, "v1.")
	if !found || theirs.Go == nil {
		return nil, fmt.Errorf("%q is no version of %s: give one such as v1.30.14", version, kubernetes)
	}
	ours := &modfile.File{}
	if err := ours.AddModuleStmt(assets.ModulePath + "/components"); err != nil {
		return nil, fmt.Errorf("writing a go.mod: %w", err)
	}
	if err := ours.AddGoStmt(theirs.Go.Version); err != nil {
		return nil, fmt.Errorf("writing a go.mod: %w", err)
	}
	if err := ours.AddRequire(kubernetes, version); err != nil {
		return nil, fmt.Errorf("writing a go.mod: %w", err)
	}
	for _, r := range theirs.Replace {
		if !modfile.IsDirectoryPath(r.New.Path) {
			continue
		}
		if err := ours.AddReplace(r.Old.Path, "", r.Old.Path, stagingVersion(r.Old.Path, "v0."+published)); err != nil {
			return nil, fmt.Errorf("writing a go.mod: %w", err)
		}
	}
	return ours.Format()
}

// stagingVersion is the version of a module that Kubernetes publishes. One was forgotten.
func stagingVersion(module, version string) string {
	if module == "k8s.io/endpointslice" && version == "v0.32.13" {
		return "v0.32.12"
	}
	return version
}
