// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package handlertest

import (
	"encoding/json"
	"maps"
	"slices"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/hookstrap/hookstrap/internal/patch"
	"github.com/hookstrap/hookstrap/pkg/handler"
)

// maxWarning is how many characters of a warning users read: the handler leaves the middle out of longer ones.
const maxWarning = 120

// Expect tests what a handler makes of an object, a manifest in YAML or JSON: its mutations change it, and its checks
// judge the result. Of two documents, the second is an update of the first. Each want is a line, in this order:
//
//	line                                            what it says
//	+ metadata.labels.team: "none"                  what is added
//	~ spec.replicas: 2                              what is replaced
//	- spec.nodeName                                 what is removed
//	deny: imageTag: spec.containers[0].image: …     a finding of a check or mutation, with the mode
//	exempt: imageTag: namespace: kube-system
//
// Without any, the object passes as it is. What fails is told as a finding, as in "deny: imageTag: failed: …". What
// would deny or be applied, but lets the object in, is a warning: a failure with the failurePolicy Ignore, or a finding
// in a namespace that is not clean. If a mutation denies, no check is asked.
//
// A mutation that changes its own result is an error of t as well, and so is a warning of a check of more than 120
// characters, of which users do not read the middle.
func Expect(t testing.TB, h *handler.Handler, manifest string, want ...string) {
	t.Helper()
	req, err := requestOf(manifest)
	if err != nil {
		t.Fatalf("%v, in\n%s", err, manifest)
	}
	changed, mutated := h.Mutate(t.Context(), handler.NewRequest(req))
	if _, again := h.Mutate(t.Context(), changed); len(again.Changes) > 0 {
		t.Errorf("the mutations change %s in what they have made themselves of\n%s", fields(again.Changes), manifest)
	}
	var judged handler.Verdict
	if mutated.Allowed() {
		judged = h.Judge(t.Context(), changed)
	}
	for _, f := range judged.Findings {
		if text := f.Check + ": " + f.Text(); modeOf(f) == handler.Warn && utf8.RuneCountInString(text) > maxWarning {
			t.Errorf("a warning of %d characters, of which users read %d: %s", utf8.RuneCountInString(text), maxWarning, text)
		}
	}
	got := append(linesOf(t, mutated), linesOf(t, judged)...)
	if diff := cmp.Diff(append([]string{}, want...), append([]string{}, got...)); diff != "" {
		t.Errorf("of\n%s\n(-want +got):\n%s", manifest, diff)
	}
}

// sign is what a line about a change begins with.
func sign(op string) string {
	return map[string]string{patch.Add: "+", patch.Replace: "~", patch.Remove: "-"}[op]
}

// lineOf is a change in words.
func lineOf(t testing.TB, c patch.Change) string {
	t.Helper()
	line := sign(c.Op) + " " + c.Field
	if c.Op == patch.Remove {
		return line
	}
	value, err := json.Marshal(c.To)
	if err != nil {
		t.Fatal(err)
	}
	return line + ": " + string(value)
}

// linesOf is a verdict, a line for each thing.
func linesOf(t testing.TB, verdict handler.Verdict) []string {
	t.Helper()
	var lines []string
	for _, c := range verdict.Changes {
		lines = append(lines, lineOf(t, c))
	}
	for _, f := range verdict.Findings {
		lines = append(lines, string(modeOf(f))+": "+f.Check+": "+f.Text())
	}
	for _, name := range slices.Sorted(maps.Keys(verdict.Exempted)) {
		lines = append(lines, "exempt: "+name+": "+verdict.Exempted[name])
	}
	return lines
}

// modeOf is the mode of a finding as a user meets it.
func modeOf(f handler.Finding) handler.Mode {
	if !f.Refuses && slices.Contains(refusing(), f.Mode) {
		return handler.Warn
	}
	return f.Mode
}

// refusing are the modes of which a user reads in an error.
func refusing() []handler.Mode {
	return []handler.Mode{handler.Deny, handler.DenyWhenClean, handler.Apply}
}
