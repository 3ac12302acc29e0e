// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package offline

import (
	"bytes"
	"testing"

	"github.com/google/go-cmp/cmp"
	admissionv1 "k8s.io/api/admissionregistration/v1"

	"github.com/hookstrap/hookstrap/internal/asked"
)

func junit(t *testing.T, r *Report, level Level) string {
	t.Helper()
	var out bytes.Buffer
	if err := r.WriteJUnit(&out, "webhook", level); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func TestJUnit(t *testing.T) {
	files := map[string]string{"a.yaml": teamless + "---\n" + owned, "b.yaml": "{"}
	want := `<?xml version="1.0" encoding="UTF-8"?>
<testsuites name="webhook check" tests="3" failures="1" errors="1">
  <testsuite name="a.yaml" tests="2" failures="1" errors="0" skipped="0">
    <testcase classname="default.ConfigMap" name="ConfigMap a">
      <failure type="team" message="metadata.labels[team]: say which team">` +
		`a.yaml:3: denied: ConfigMap &#34;a&#34; in namespace &#34;default&#34;: team: metadata.labels[team]: say which team</failure>
    </testcase>
    <testcase classname="default.ConfigMap" name="ConfigMap b"></testcase>
  </testsuite>
  <testsuite name="b.yaml" tests="1" failures="0" errors="1" skipped="0">
    <testcase classname="manifest" name="b.yaml:1">
      <error type="unreadable" message="it is not JSON: unexpected EOF; and it is not valid YAML: did not find expected node content">` +
		`b.yaml:1: unreadable: it is not JSON: unexpected EOF; and it is not valid YAML: did not find expected node content</error>
    </testcase>
  </testsuite>
</testsuites>
`
	report := judge(t, "{}", files)
	for i := range report.objects {
		report.objects[i].file = report.Findings[0].File
	}
	if diff := cmp.Diff(want, junit(t, report, Denied)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// What does not fail is said all the same, and a test fails once.
func TestJUnitOutcomes(t *testing.T) {
	files := map[string]string{"a.yaml": teamless}
	known := BaselineOf(judge(t, "{}", files))
	for name, tt := range map[string]struct {
		checks string
		level  Level
		known  *Baseline
		asked  bool
		want   []string
	}{
		"warned":         {"{team: {mode: warn}}", Denied, nil, true, []string{`failures="0"`, "<system-out>", ":3: warning: "}},
		"warned, strict": {"{team: {mode: warn}}", Warned, nil, true, []string{`failures="1"`, `<failure type="team"`}},
		"audited":        {"{team: {mode: audit}}", Warned, nil, true, []string{`failures="0"`, "<system-out>", ":3: audit: "}},
		"known":          {"{}", Denied, known, true, []string{`failures="0"`, "<system-out>known: "}},
		"two": {"{place: {}}", Denied, nil, true, []string{
			`failures="1"`, `<failure type="place" message="CREATE `, `(and 1 more)">`, "team: metadata.labels[team]: say which team</failure>"}},
		"not asked": {"{}", Denied, nil, false, []string{`skipped="1"`, `<skipped message="the server is not asked about it">`}},
	} {
		t.Run(name, func(t *testing.T) {
			report := judge(t, tt.checks, files, func(o *Options) {
				if !tt.asked {
					o.Asked = nothingAsked(t)
				}
			})
			if tt.known != nil {
				report.Compare(tt.known)
			}
			got := junit(t, report, tt.level)
			for _, text := range tt.want {
				if !bytes.Contains([]byte(got), []byte(text)) {
					t.Errorf("no %s in %s", text, got)
				}
			}
		})
	}
}

// What is in no namespace is in the class of its kind.
func TestJUnitClasses(t *testing.T) {
	if got := (&outcome{kind: "ClusterRole", name: "a"}).test(nil, Denied); got.Class != "ClusterRole" || got.Name != "ClusterRole a" {
		t.Errorf("got %+v", got)
	}
}

// nothingAsked are the rules of a webhook that is asked about nothing.
func nothingAsked(t *testing.T) asked.Asked {
	t.Helper()
	of, err := asked.Of(admissionv1.ValidatingWebhookConfiguration{Webhooks: []admissionv1.ValidatingWebhook{{Name: "none"}}})
	if err != nil {
		t.Fatal(err)
	}
	return of
}
