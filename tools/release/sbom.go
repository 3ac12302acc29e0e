// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"debug/buildinfo"
	"encoding/hex"
	"fmt"
	"os"
	"regexp"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"github.com/spdx/tools-golang/json"
	"github.com/spdx/tools-golang/spdx/v2/common"
	spdx "github.com/spdx/tools-golang/spdx/v2/v2_3"
)

// noAssertion is what SPDX has for what is not known. The linker records no licenses.
const noAssertion = "NOASSERTION"

// sbom is a software bill of materials, of what the linker says that it has put into each binary: nothing is guessed
// from module files, which name what is not used as well.
type sbom struct {
	doc  *spdx.Document
	seen map[common.ElementID]bool
}

// writeSBOM writes one SPDX 2.3 document for all binaries (https://spdx.github.io/spdx-spec/v2.3/).
func (r release) writeSBOM(dist string, binaries []binary) error {
	s := r.newSBOM()
	digests := sha256.New()
	for _, b := range binaries {
		program, err := os.ReadFile(b.path)
		if err != nil {
			return err
		}
		sum := sha256.Sum256(program)
		digests.Write(sum[:])
		info, err := buildinfo.Read(bytes.NewReader(program))
		if err != nil {
			return fmt.Errorf("reading what %s consists of: %w", b.path, err)
		}
		s.addBinary(b, hex.EncodeToString(sum[:]), info, r.version)
	}
	// One name for one content, as the specification asks: what is described decides it.
	s.doc.DocumentNamespace = fmt.Sprintf("https://github.com/hookstrap/hookstrap/spdx/%s-%x", r.version, digests.Sum(nil))
	slices.SortFunc(s.doc.Packages, func(a, b *spdx.Package) int {
		return cmp.Compare(a.PackageSPDXIdentifier, b.PackageSPDXIdentifier)
	})
	var out bytes.Buffer
	if err := json.Write(s.doc, &out, json.Indent("  "), json.EscapeHTML(false)); err != nil {
		return err
	}
	return writeFile(dist, r.named("sbom.spdx.json"), out.Bytes())
}

func (r release) newSBOM() sbom {
	return sbom{seen: map[common.ElementID]bool{}, doc: &spdx.Document{
		SPDXVersion: spdx.Version, DataLicense: spdx.DataLicense, SPDXIdentifier: "DOCUMENT",
		DocumentName: "hookstrap-" + r.version,
		CreationInfo: &spdx.CreationInfo{
			Created: r.date.Format(time.RFC3339),
			Creators: []common.Creator{
				{CreatorType: "Organization", Creator: "The Hookstrap Authors"}, {CreatorType: "Tool", Creator: "make release"},
			},
		},
	}}
}

// addBinary adds a binary, the Go version that made it and the modules in it.
func (s sbom) addBinary(b binary, sum string, info *buildinfo.BuildInfo, version string) {
	id := elementID("binary", b.platform.os, b.platform.arch)
	s.add(&spdx.Package{
		PackageName: "webhook", PackageSPDXIdentifier: id, PackageVersion: version,
		PackageFileName:        fmt.Sprintf("%s_%s/webhook", b.platform.os, b.platform.arch),
		PackageChecksums:       []common.Checksum{{Algorithm: common.SHA256, Value: sum}},
		PackageLicenseDeclared: "Apache-2.0", PrimaryPackagePurpose: "APPLICATION",
	})
	s.relate("DOCUMENT", id, common.TypeRelationshipDescribe)
	toolchain := &debug.Module{Path: "stdlib", Version: strings.TrimPrefix(info.GoVersion, "go")}
	for _, module := range append([]*debug.Module{toolchain}, info.Deps...) {
		if module.Replace != nil {
			module = module.Replace
		}
		s.relate(id, s.addModule(module), common.TypeRelationshipContains)
	}
}

// addModule adds a Go module, once, and returns its identifier.
func (s sbom) addModule(module *debug.Module) common.ElementID {
	id := elementID("go", module.Path, module.Version)
	p := &spdx.Package{
		PackageName: module.Path, PackageSPDXIdentifier: id, PackageVersion: module.Version,
		PackageLicenseDeclared: noAssertion, PrimaryPackagePurpose: "LIBRARY",
		PackageExternalReferences: []*spdx.PackageExternalReference{{
			Category: common.CategoryPackageManager, RefType: common.TypePackageManagerPURL,
			Locator: "pkg:golang/" + module.Path + "@" + module.Version,
		}},
	}
	if module.Sum != "" {
		p.PackageSourceInfo = "go.sum: " + module.Sum
	}
	s.add(p)
	return id
}

func (s sbom) add(p *spdx.Package) {
	if s.seen[p.PackageSPDXIdentifier] {
		return
	}
	s.seen[p.PackageSPDXIdentifier] = true
	p.PackageDownloadLocation, p.PackageLicenseConcluded, p.PackageCopyrightText = noAssertion, noAssertion, noAssertion
	s.doc.Packages = append(s.doc.Packages, p)
}

func (s sbom) relate(from, to common.ElementID, how string) {
	s.doc.Relationships = append(s.doc.Relationships, &spdx.Relationship{
		RefA: common.DocElementID{ElementRefID: from}, RefB: common.DocElementID{ElementRefID: to}, Relationship: how,
	})
}

// elementID has letters, digits, '.' and '-' alone, as the specification says.
func elementID(parts ...string) common.ElementID {
	return common.ElementID(regexp.MustCompile(`[^A-Za-z0-9.]+`).ReplaceAllString(strings.Join(parts, "-"), "-"))
}
