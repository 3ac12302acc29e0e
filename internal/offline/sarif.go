// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package offline

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"net/url"
	"path/filepath"
	"strings"

	"k8s.io/apimachinery/pkg/util/version"

	"github.com/hookstrap/hookstrap/pkg/handler"
	"github.com/hookstrap/hookstrap/pkg/handler/config"
)

// Tool is who writes a SARIF log.
type Tool struct {
	Name, Version string
	// Directory is what paths are made relative to, as services want them; empty leaves them as they are.
	Directory string
}

// The parts of SARIF 2.1.0 (https://docs.oasis-open.org/sarif/sarif/v2.1.0/) that code-scanning services read.
type (
	sarifLog struct {
		Schema  string     `json:"$schema"`
		Version string     `json:"version"`
		Runs    []sarifRun `json:"runs"`
	}
	sarifRun struct {
		Tool    sarifTool     `json:"tool"`
		Results []sarifResult `json:"results"`
	}
	sarifTool struct {
		Driver sarifDriver `json:"driver"`
	}
	sarifDriver struct {
		Name            string      `json:"name"`
		Version         string      `json:"version,omitempty"`
		SemanticVersion string      `json:"semanticVersion,omitempty"`
		InformationURI  string      `json:"informationUri"`
		Rules           []sarifRule `json:"rules"`
	}
	sarifRule struct {
		ID               string    `json:"id"`
		ShortDescription sarifText `json:"shortDescription"`
		FullDescription  sarifText `json:"fullDescription"`
		Help             sarifText `json:"help"`
		HelpURI          string    `json:"helpUri,omitempty"`
	}
	sarifText struct {
		Text string `json:"text"`
	}
	sarifResult struct {
		RuleID       string            `json:"ruleId"`
		RuleIndex    int               `json:"ruleIndex"`
		Level        Level             `json:"level"`
		Message      sarifText         `json:"message"`
		Locations    []sarifLocation   `json:"locations"`
		Fingerprints map[string]string `json:"partialFingerprints"`
		// BaselineState is in all results or in none.
		BaselineState string `json:"baselineState,omitempty"`
	}
	sarifLocation struct {
		Physical sarifPhysical `json:"physicalLocation"`
	}
	sarifPhysical struct {
		Artifact sarifArtifact `json:"artifactLocation"`
		Region   sarifRegion   `json:"region"`
	}
	sarifArtifact struct {
		URI string `json:"uri"`
	}
	sarifRegion struct {
		StartLine int `json:"startLine"`
	}
)

// unreadable is the rule for what is no object.
const unreadable = "manifest"

// Rule is what a finding may be of.
type Rule struct{ ID, Summary, Why, URL string }

// WriteSARIF writes the report for code-scanning services. The checks that are on are its rules.
func (r *Report) WriteSARIF(w io.Writer, tool Tool, c config.Configuration) error {
	return r.WriteSARIFOf(w, tool, rulesOf(c))
}

// WriteSARIFOf is [Report.WriteSARIF] for any rules. Each finding is of the rule that its Check names.
func (r *Report) WriteSARIFOf(w io.Writer, tool Tool, of []Rule) error {
	rules, index := indexed(of)
	results := make([]sarifResult, 0, len(r.Findings))
	for _, f := range r.Findings {
		id := cmp.Or(f.Check, unreadable)
		results = append(results, sarifResult{
			RuleID: id, RuleIndex: index[id], Level: f.Level, Message: sarifText{f.subject() + f.Message},
			Locations: []sarifLocation{{sarifPhysical{
				Artifact: sarifArtifact{tool.uri(f.File)}, Region: sarifRegion{max(f.Line, 1)},
			}}},
			Fingerprints: map[string]string{"hookstrap/v1": fingerprint(f)}, BaselineState: r.state(f),
		})
	}
	return indented(w, sarifLog{
		Schema: "https://json.schemastore.org/sarif-2.1.0.json", Version: "2.1.0",
		Runs: []sarifRun{{Tool: sarifTool{sarifDriver{
			Name: tool.Name, Version: tool.Version, SemanticVersion: semantic(tool.Version),
			InformationURI: "https://github.com/hookstrap/hookstrap", Rules: rules,
		}}, Results: results}},
	})
}

// state says, if there is a baseline, whether a finding is in it.
func (r *Report) state(f Finding) string {
	switch {
	case r.baseline == "":
		return ""
	case f.Known:
		return "unchanged"
	}
	return "new"
}

func rulesOf(c config.Configuration) []Rule {
	rules := []Rule{
		{ID: unreadable, Summary: "Manifests must be objects of Kubernetes.", Why: "What cannot be read cannot be checked."},
	}
	for _, check := range c.Checks {
		if d := check.Definition; check.Mode != handler.Off {
			rules = append(rules, Rule{d.Name, d.Doc.Summary, d.Doc.Why, d.Doc.URL})
		}
	}
	return rules
}

func indexed(of []Rule) (rules []sarifRule, index map[string]int) {
	index = map[string]int{}
	for i, r := range of {
		short := cmp.Or(r.Summary, r.ID)
		full := sarifText{cmp.Or(r.Why, short)}
		rules = append(rules, sarifRule{
			ID: r.ID, ShortDescription: sarifText{short}, FullDescription: full, Help: full, HelpURI: r.URL,
		})
		index[r.ID] = i
	}
	return rules, index
}

// semantic is a version as https://semver.org has it, by which services compare versions; empty if it is not one.
func semantic(text string) string {
	v, err := version.ParseSemantic(text)
	if err != nil {
		return ""
	}
	return v.String()
}

// uri is a path as a relative reference of RFC 3986, if it is below the tool's directory.
func (t Tool) uri(file string) string {
	if t.Directory != "" {
		if absolute, err := filepath.Abs(file); err == nil {
			if relative, err := filepath.Rel(t.Directory, absolute); err == nil && filepath.IsLocal(relative) {
				file = relative
			}
		}
	}
	return (&url.URL{Path: filepath.ToSlash(filepath.Clean(file))}).String()
}

// fingerprint tells the same finding in two versions of a file: it has no line in it.
func fingerprint(f Finding) string {
	sum := sha256.Sum256([]byte(strings.Join(
		[]string{f.File, f.APIVersion, f.Kind, f.Namespace, f.Name, f.Check, f.Field, f.Message}, "\x00")))
	return hex.EncodeToString(sum[:16])
}
