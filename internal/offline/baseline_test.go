// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package offline

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func written(t *testing.T, r *Report) string {
	t.Helper()
	var out bytes.Buffer
	if err := BaselineOf(r).Write(&out); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func baseline(t *testing.T, content string) *Baseline {
	t.Helper()
	path := filepath.Join(t.TempDir(), "known.yaml")
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	b, err := ReadBaseline(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// The order of the files and of the objects in them makes no difference, and neither do lines.
func TestBaselineIsDeterministic(t *testing.T) {
	other := strings.ReplaceAll(teamless, "name: a", "name: b")
	one := written(t, judge(t, "{place: {mode: warn}}", map[string]string{"a.yaml": teamless + "---\n" + other, "b.yaml": teamless}))
	two := written(t, judge(t, "{place: {mode: warn}}", map[string]string{
		"x/b.yaml": "# a comment\n" + other, "y.yaml": teamless + "---\n\n\n" + teamless,
	}))
	if diff := cmp.Diff(one, two); diff != "" {
		t.Error(diff)
	}
	want := `# Findings that are known: webhook check --baseline does not fail because of them.
apiVersion: hookstrap.dev/v1alpha1
findings:
- check: place
  count: 2
  kind: ConfigMap
  message: 'CREATE configmaps  v# in default object in default by '
  name: a
  namespace: default
- check: team
  count: 2
  field: metadata.labels[team]
  kind: ConfigMap
  message: say which team
  name: a
  namespace: default
- check: place
  kind: ConfigMap
  message: 'CREATE configmaps  v# in default object in default by '
  name: b
  namespace: default
- check: team
  field: metadata.labels[team]
  kind: ConfigMap
  message: say which team
  name: b
  namespace: default
kind: CheckBaseline
`
	if diff := cmp.Diff(want, one); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestSteady(t *testing.T) {
	for text, want := range map[string]string{
		"spec.containers[0].image":             "spec.containers[#].image",
		"x:1.25.3 is at 20% of 512Mi":          "x:#.#.# is at #% of #Mi",
		"a@sha256:0123456789abcdef0123 is old": "a@sha#:# is old",
		"deface the facade":                    "deface the facade",
	} {
		if got := steady(text); got != want {
			t.Errorf("%q is %q, want %q", text, got, want)
		}
	}
}

func TestCompare(t *testing.T) {
	twice := map[string]string{"a.yaml": teamless + "---\n" + teamless}
	once := map[string]string{"a.yaml": teamless}
	for name, tt := range map[string]struct {
		known, now  map[string]string
		denied      int
		found, gone int
	}{
		"the same":         {twice, twice, 0, 2, 0},
		"more than before": {once, twice, 1, 1, 0},
		"less than before": {twice, once, 0, 1, 1},
		"nothing known":    {map[string]string{"a.yaml": owned}, once, 1, 0, 0},
		"another kind":     {map[string]string{"a.yaml": strings.ReplaceAll(teamless, "ConfigMap", "Secret")}, once, 1, 0, 0},
		"another group": {
			map[string]string{"a.yaml": strings.ReplaceAll(teamless, "v1", "example.com/v1")}, once, 1, 0, 0},
		"another version": {
			map[string]string{"a.yaml": "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a}\n"},
			map[string]string{"a.yaml": "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a}\nspec: {replicas: 1}\n"}, 0, 1, 0},
	} {
		t.Run(name, func(t *testing.T) {
			known := baseline(t, written(t, judge(t, "{}", tt.known)))
			report := judge(t, "{}", tt.now)
			report.Compare(known)
			gone := 0
			for _, e := range report.Gone {
				gone += e.Count
			}
			if report.DeniedObjects != tt.denied || report.Known != tt.found || gone != tt.gone {
				t.Errorf("got %d denied, %d known, %d gone, want %d, %d, %d: %s", report.DeniedObjects, report.Known, gone,
					tt.denied, tt.found, tt.gone, text(t, report))
			}
		})
	}
}

// An object with one known finding and one new one is denied.
func TestCompareCountsObjects(t *testing.T) {
	known := baseline(t, written(t, judge(t, "{}", map[string]string{"a.yaml": teamless})))
	report := judge(t, "{place: {}}", map[string]string{"a.yaml": teamless})
	report.Compare(known)
	if report.DeniedObjects != 1 || report.Known != 1 || !report.Fails(Denied) {
		t.Errorf("got %+v", report)
	}
	var out bytes.Buffer
	if err := report.WriteSARIF(&out, Tool{}, configuration(t, "{place: {}}")); err != nil {
		t.Fatal(err)
	}
	for _, state := range []string{"new", "unchanged"} {
		if n := strings.Count(out.String(), `"baselineState": "`+state+`"`); n != 1 {
			t.Errorf("%d results are %s", n, state)
		}
	}
}

// What cannot be read is never known, even if somebody writes it down, and an entry that is there twice is said once.
func TestBaselineWrittenByHand(t *testing.T) {
	unreadable := judge(t, "{}", map[string]string{"a.yaml": "{"})
	if got := written(t, unreadable); !strings.Contains(got, "findings: []") {
		t.Errorf("what cannot be read is written: %s", got)
	}
	const head = "apiVersion: hookstrap.dev/v1alpha1\nkind: CheckBaseline\nfindings:\n"
	unreadable.Compare(baseline(t, head+"- {kind: '', name: '', message: '"+steady(unreadable.Findings[0].Message)+"'}\n"))
	if unreadable.Known != 0 {
		t.Error("what cannot be read is known")
	}
	report := judge(t, "{}", map[string]string{"a.yaml": teamless})
	entry := "- {kind: ConfigMap, namespace: default, name: a, check: team, message: another}\n"
	report.Compare(baseline(t, head+entry+entry))
	if len(report.Gone) != 1 || report.Gone[0].Count != 2 {
		t.Errorf("got %+v", report.Gone)
	}
}

func TestWhatIsNoBaseline(t *testing.T) {
	dir := tree(t, map[string]string{
		"a": "apiVersion: v1\nkind: CheckBaseline\n", "b": "apiVersion: hookstrap.dev/v1alpha1\nkind: CheckBaseline\nfound: []\n",
		"c": "x: [", "d": teamless,
	})
	for _, name := range []string{"a", "b", "c", "d", "gone"} {
		if b, err := ReadBaseline(filepath.Join(dir, name)); err == nil {
			t.Errorf("%s is %+v", name, b)
		}
	}
}
