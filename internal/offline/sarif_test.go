// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package offline

import (
	"bytes"
	"encoding/json"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestJSON(t *testing.T) {
	var out bytes.Buffer
	if err := judge(t, "{}", map[string]string{"a.yaml": teamless}).WriteJSON(&out); err != nil {
		t.Fatal(err)
	}
	want := `{
  "files": 1,
  "objects": 1,
  "skipped": 0,
  "deniedObjects": 1,
  "unreadable": 0,
  "exempted": 0,
  "findings": [
    {
      "file": "a.yaml",
      "line": 3,
      "level": "error",
      "apiVersion": "v1",
      "kind": "ConfigMap",
      "namespace": "default",
      "name": "a",
      "check": "team",
      "mode": "deny",
      "field": "metadata.labels[team]",
      "message": "metadata.labels[team]: say which team"
    }
  ]
}
`
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Error(diff)
	}
}

// A log is what code-scanning services ask for: https://docs.github.com/en/code-security (SARIF support), and the
// parts of the standard that they read.
func TestSARIF(t *testing.T) {
	c := configuration(t, "{place: {mode: warn}, team: {mode: deny}}")
	report := judge(t, "{place: {mode: warn}, team: {mode: deny}}", map[string]string{"with space/a.yaml": teamless, "b.yaml": "{"})
	var out bytes.Buffer
	if err := report.WriteSARIF(&out, Tool{Name: "webhook", Version: "v1.2.3"}, c); err != nil {
		t.Fatal(err)
	}
	var log struct {
		Schema  string `json:"$schema"`
		Version string
		Runs    []struct {
			Tool struct {
				Driver struct {
					Name, Version, SemanticVersion, InformationURI string
					Rules                                          []struct {
						ID, HelpURI                             string
						ShortDescription, FullDescription, Help struct{ Text string }
					}
				}
			}
			Results []struct {
				RuleID    string
				RuleIndex *int
				Level     string
				Message   struct{ Text string }
				Locations []struct {
					PhysicalLocation struct {
						ArtifactLocation struct{ URI string }
						Region           struct{ StartLine int }
					}
				}
				PartialFingerprints map[string]string
			}
		}
	}
	decoder := json.NewDecoder(&out)
	if err := decoder.Decode(&log); err != nil {
		t.Fatal(err)
	}
	if log.Version != "2.1.0" || !strings.Contains(log.Schema, "sarif-2.1.0") || len(log.Runs) != 1 {
		t.Fatalf("got %+v", log)
	}
	driver := log.Runs[0].Tool.Driver
	var ids []string
	for _, rule := range driver.Rules {
		ids = append(ids, rule.ID)
		if rule.ShortDescription.Text == "" || rule.FullDescription.Text == "" || rule.Help.Text == "" {
			t.Errorf("rule without a description: %+v", rule)
		}
	}
	if diff := cmp.Diff([]string{"manifest", "team", "place"}, ids); diff != "" || driver.Name != "webhook" || driver.Version != "v1.2.3" {
		t.Errorf("driver %+v %s", driver, diff)
	}
	if driver.SemanticVersion != "1.2.3" || driver.Rules[1].HelpURI != "https://example.com/team" {
		t.Errorf("semantic version %q, page of the check team %q", driver.SemanticVersion, driver.Rules[1].HelpURI)
	}
	results := log.Runs[0].Results
	if len(results) != 3 {
		t.Fatalf("%d results, want those of both checks and of the broken file", len(results))
	}
	fingerprints := map[string]bool{}
	for _, r := range results {
		if r.RuleIndex == nil || ids[*r.RuleIndex] != r.RuleID {
			t.Errorf("rule %s is not the one at %v", r.RuleID, r.RuleIndex)
		}
		if !slices.Contains([]string{"error", "warning", "note"}, r.Level) || r.Message.Text == "" || len(r.Locations) != 1 {
			t.Errorf("got %+v", r)
		}
		where := r.Locations[0].PhysicalLocation
		if u, err := url.Parse(where.ArtifactLocation.URI); err != nil || u.IsAbs() || strings.Contains(where.ArtifactLocation.URI, " ") ||
			where.Region.StartLine < 1 {
			t.Errorf("no place that a service finds: %+v", where)
		}
		fingerprints[r.PartialFingerprints["hookstrap/v1"]] = true
	}
	if len(fingerprints) != len(results) {
		t.Errorf("%d fingerprints of %d results", len(fingerprints), len(results))
	}
}

func TestFingerprintHasNoLine(t *testing.T) {
	a := Finding{File: "a.yaml", Line: 1, Check: "x", Message: "m"}
	b := a
	b.Line = 7
	if fingerprint(a) != fingerprint(b) {
		t.Error("a finding that moves is another one")
	}
	b.Message = "n"
	if fingerprint(a) == fingerprint(b) {
		t.Error("two findings are one")
	}
}

func TestURI(t *testing.T) {
	tool := Tool{Directory: "/repo"}
	for file, want := range map[string]string{
		"/repo/a/b.yaml": "a/b.yaml",
		"/else/b.yaml":   "/else/b.yaml", "/repo/a:b.yaml": "./a:b.yaml", "/repo/a b#c.yaml": "a%20b%23c.yaml",
	} {
		if got := tool.uri(file); got != want {
			t.Errorf("%s is %s, want %s", file, got, want)
		}
	}
	if got := (Tool{}).uri("./x/../y.yaml"); got != "y.yaml" {
		t.Errorf("got %s", got)
	}
}

// Services compare versions by the numbers in semanticVersion; what is not one is left out.
func TestSemanticVersion(t *testing.T) {
	for text, want := range map[string]string{
		"v1.2.3": "1.2.3", "v0.4.0-12-gabcdef0": "0.4.0-12-gabcdef0", "v1.2.3-4-gabc-dirty": "1.2.3-4-gabc-dirty",
		"4bc56c3": "", "(devel)": "", "dev": "", "": "",
	} {
		if got := semantic(text); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}
