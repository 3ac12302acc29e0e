// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package offline

import (
	"bytes"
	"cmp"
	"fmt"
	"io"
	"os"
	"regexp"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/runtime/schema"
	sigsyaml "sigs.k8s.io/yaml"

	"github.com/hookstrap/hookstrap/internal/jsonerror"
	"github.com/hookstrap/hookstrap/pkg/handler/config"
)

// baselineKind is the kind of a file of known findings.
const baselineKind = "CheckBaseline"

// Known is a finding as a baseline has it: without what changes when a manifest is edited elsewhere, such as the file,
// lines, the places in lists, and numbers.
type Known struct {
	Kind      string `json:"kind"` // with its group, as in Deployment.apps
	Namespace string `json:"namespace,omitempty"`
	Name      string `json:"name"`
	Check     string `json:"check,omitempty"`
	Field     string `json:"field,omitempty"`
	Message   string `json:"message"`
}

// Entry is a finding of a baseline, and how often it is known.
type Entry struct {
	Known `json:",inline"`
	// Count is how often it is known; 0 stands for 1.
	Count int `json:"count,omitempty"`
}

// Baseline are findings that are known.
type Baseline struct {
	path    string
	entries []Entry
}

// baselineFile is what is in the file.
type baselineFile struct {
	APIVersion string  `json:"apiVersion"`
	Kind       string  `json:"kind"`
	Findings   []Entry `json:"findings"`
}

// ReadBaseline reads a file that [Baseline.Write] wrote.
func ReadBaseline(path string) (*Baseline, error) {
	data, err := os.ReadFile(path) //nolint:gosec // the path is the user's own argument
	if err != nil {
		return nil, err
	}
	var file baselineFile
	if err := sigsyaml.UnmarshalStrict(data, &file); err != nil {
		return nil, fmt.Errorf("%s is no baseline: %s: write one with --write-baseline", path, jsonerror.Sentence(err))
	}
	if file.APIVersion != config.APIVersion || file.Kind != baselineKind {
		return nil, fmt.Errorf("%s is no baseline: its apiVersion and kind are not %s and %s; write one with "+
			"--write-baseline", path, config.APIVersion, baselineKind)
	}
	return &Baseline{path: path, entries: file.Findings}, nil
}

// BaselineOf are all findings about objects in a report, in an order that depends on nothing but them. What is no
// object or cannot be read is not among them: nothing is known about it.
func BaselineOf(r *Report) *Baseline {
	counts := map[Known]int{}
	for _, f := range r.Findings {
		if f.Kind != "" {
			counts[f.known()]++
		}
	}
	b := &Baseline{entries: make([]Entry, 0, len(counts))}
	for known, n := range counts {
		if n == 1 {
			n = 0
		}
		b.entries = append(b.entries, Entry{known, n})
	}
	slices.SortFunc(b.entries, func(x, y Entry) int { return x.compare(y.Known) })
	return b
}

// Write writes the baseline as YAML.
func (b *Baseline) Write(w io.Writer) error {
	data, err := sigsyaml.Marshal(baselineFile{config.APIVersion, baselineKind, b.entries})
	if err != nil {
		return err
	}
	head := "# Findings that are known: webhook check --baseline does not fail because of them.\n"
	_, err = io.Copy(w, io.MultiReader(strings.NewReader(head), bytes.NewReader(data)))
	return err
}

func (k Known) compare(other Known) int {
	return cmp.Or(
		cmp.Compare(k.Kind, other.Kind), cmp.Compare(k.Namespace, other.Namespace), cmp.Compare(k.Name, other.Name),
		cmp.Compare(k.Check, other.Check), cmp.Compare(k.Field, other.Field), cmp.Compare(k.Message, other.Message),
	)
}

// object is the finding without what was found.
func (k Known) object() Known { return Known{Kind: k.Kind, Namespace: k.Namespace, Name: k.Name} }

// String names the object, and what was found.
func (k Known) String() string {
	object := fmt.Sprintf("%s %q", k.Kind, k.Name)
	if k.Namespace != "" {
		object += fmt.Sprintf(" in namespace %q", k.Namespace)
	}
	parts := []string{object, k.Check, k.Field, k.Message}
	return strings.Join(slices.DeleteFunc(parts, func(part string) bool { return part == "" }), ": ")
}

// known is the finding as a baseline has it.
func (f Finding) known() Known {
	group, _ := schema.ParseGroupVersion(f.APIVersion)
	return Known{
		Kind: schema.GroupKind{Group: group.Group, Kind: f.Kind}.String(), Namespace: f.Namespace, Name: f.Name,
		Check: f.Check, Field: steady(f.Field), Message: steady(strings.TrimPrefix(f.Message, f.Field+": ")),
	}
}

// steady takes out of a text what changes with every version: digests, versions, indexes and amounts.
func steady(text string) string {
	return regexp.MustCompile(`\b[0-9a-f]{12,}\b|[0-9]+`).ReplaceAllString(text, "#")
}

// Compare marks what is known among the findings. An entry that occurs more often than it is known marks the first ones
// in the order of the report. It may be called once for a report.
func (r *Report) Compare(b *Baseline) {
	left := map[Known]int{}
	for _, e := range b.entries {
		left[e.Known] += max(e.Count, 1)
	}
	seen := map[Known]bool{}
	for _, o := range r.objects {
		seen[Finding{APIVersion: o.apiVersion, Kind: o.kind, Namespace: o.namespace, Name: o.name}.known()] = true
	}
	for i := range r.Findings {
		f := &r.Findings[i]
		if known := f.known(); f.Kind != "" && left[known] > 0 {
			left[known]--
			f.Known = true
			r.Known++
		}
	}
	for _, e := range b.entries {
		switch n := left[e.Known]; {
		case n == 0:
		case seen[e.object()]:
			r.Gone = append(r.Gone, Entry{e.Known, n})
		default:
			r.Unseen++
		}
		delete(left, e.Known) // It is in the file twice if somebody merged two.
	}
	r.baseline = b.path
	r.countDenied()
}
