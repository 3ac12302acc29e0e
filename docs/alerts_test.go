// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package docs_test

import (
	"maps"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/yaml"
)

const (
	alertsFile = "../manifests/monitoring/alerts.yaml"
	ruleFile   = "../manifests/overlays/monitoring/prometheusrule.yaml"
)

// alert is one rule. That its expression is PromQL, and fires when it should, promtool says: `make verify-alerts`.
type alert struct {
	Alert       string            `json:"alert"`
	Expr        string            `json:"expr"`
	For         string            `json:"for"`
	Labels      map[string]string `json:"labels"`
	Annotations map[string]string `json:"annotations"`
}

func alerts(t *testing.T) []alert {
	t.Helper()
	var file struct {
		Groups []struct {
			Name  string  `json:"name"`
			Rules []alert `json:"rules"`
		} `json:"groups"`
	}
	if err := yaml.UnmarshalStrict([]byte(read(t, alertsFile)), &file); err != nil {
		t.Fatal(err)
	}
	if len(file.Groups) != 1 || len(file.Groups[0].Rules) == 0 {
		t.Fatalf("%s has %d groups, want one with rules", alertsFile, len(file.Groups))
	}
	return file.Groups[0].Rules
}

// foreign are the labels of what is not ours: the API server's counters, whose existence the end-to-end tests prove.
func foreign() map[string][]string {
	return map[string][]string{
		"apiserver_admission_webhook_fail_open_count": {"name", "type"},
		"apiserver_admission_webhook_rejection_count": {"name", "type", "operation", "error_type", "rejection_code"},
	}
}

// labelsOf are the labels of the metrics that an expression names; a metric that does not exist fails the test.
func labelsOf(t *testing.T, a alert) []string {
	t.Helper()
	known := foreign()
	for _, m := range registered(t) {
		known[m.name] = append([]string{"namespace", "pod"}, m.labels...) // Prometheus adds those of the target.
	}
	names := regexp.MustCompile(`\b(?:hookstrap|apiserver)_[a-z_]+|\b\w+{`).FindAllString(a.Expr, -1)
	if len(names) == 0 {
		t.Errorf("%s is about no metric", a.Alert)
	}
	var labels []string
	for _, name := range names {
		name = strings.TrimSuffix(name, "{")
		if known[name] == nil {
			t.Errorf("%s asks for %s, which does not exist", a.Alert, name)
		}
		labels = append(labels, known[name]...)
	}
	return labels
}

// A query for a metric or a label that does not exist is silent indefinitely.
func TestAlertsAskForWhatExists(t *testing.T) {
	matcher := regexp.MustCompile(`([a-z_]+)(?:=~|!~|!=|=)"`)
	for _, a := range alerts(t) {
		labels := labelsOf(t, a)
		for _, match := range matcher.FindAllStringSubmatch(a.Expr, -1) {
			if !slices.Contains(labels, match[1]) {
				t.Errorf("%s compares the label %s, which the metric does not have", a.Alert, match[1])
			}
		}
	}
}

// A template that names a label which the result does not have leaves a hole in the sentence.
func TestAlertsNameLabelsTheyHave(t *testing.T) {
	grouping := regexp.MustCompile(`by \(([^)]*)\)`)
	used := regexp.MustCompile(`\$labels\.([a-z_]+)`)
	for _, a := range alerts(t) {
		labels := labelsOf(t, a)
		if by := grouping.FindStringSubmatch(a.Expr); by != nil {
			grouped := strings.Split(by[1], ", ")
			for _, label := range grouped {
				if !slices.Contains(labels, label) {
					t.Errorf("%s groups by %s, which the metric does not have", a.Alert, label)
				}
			}
			labels = grouped
		}
		for _, text := range a.Annotations {
			for _, match := range used.FindAllStringSubmatch(text, -1) {
				if !slices.Contains(labels, match[1]) {
					t.Errorf("%s names the label %s, which its result does not have", a.Alert, match[1])
				}
			}
		}
	}
}

func TestAlertsSayWhatToDo(t *testing.T) {
	runbook := read(t, "runbook.md")
	for _, a := range alerts(t) {
		want := []string{"description", "runbook_url", "summary"}
		if got := slices.Sorted(maps.Keys(a.Annotations)); !slices.Equal(got, want) {
			t.Errorf("%s has the annotations %v, want %v", a.Alert, got, want)
		}
		if severity := a.Labels["severity"]; severity != "warning" && severity != "critical" {
			t.Errorf("%s has severity %q", a.Alert, severity)
		}
		page, anchor, _ := strings.Cut(a.Annotations["runbook_url"], "#")
		if !strings.HasSuffix(page, "/docs/runbook.md") || anchor != strings.ToLower(a.Alert) {
			t.Errorf("%s points at %s#%s", a.Alert, path.Base(page), anchor)
		}
		_, section, found := strings.Cut(runbook, "\n## "+a.Alert+"\n")
		section, _, _ = strings.Cut(section, "\n## ")
		for _, part := range []string{"**It means**", "**Look**", "**Fix**"} {
			if !found || !strings.Contains(section, part) {
				t.Errorf("docs/runbook.md has no section %q with a part %s", a.Alert, part)
			}
		}
	}
}

// Each alert has a series that makes it fire. The values are promtool's to judge.
func TestEveryAlertIsTested(t *testing.T) {
	tests := read(t, "../manifests/monitoring/alerts_test.yaml")
	for _, a := range alerts(t) {
		if !strings.Contains(tests, `{labels: '{alertname="`+a.Alert+`", severity="`+a.Labels["severity"]+`"}', value: 1}`) {
			t.Errorf("manifests/monitoring/alerts_test.yaml does not expect %s to fire as %s", a.Alert, a.Labels["severity"])
		}
	}
}

// The operator gets the same rules, comments and all.
func TestOperatorGetsTheSameRules(t *testing.T) {
	_, groups, _ := strings.Cut(read(t, alertsFile), "\ngroups:\n")
	want := "# Written by `go test ./docs -update`: the rules of monitoring/alerts.yaml, for the Prometheus operator.\n" +
		"apiVersion: monitoring.coreos.com/v1\nkind: PrometheusRule\nmetadata:\n  name: hookstrap\n" +
		"  namespace: hookstrap-system\n  labels:\n    app.kubernetes.io/name: hookstrap\nspec:\n  groups:\n" +
		regexp.MustCompile(`(?m)^(.)`).ReplaceAllString(groups, "  $1")
	if *update {
		write(t, ruleFile, want)
	}
	if diff := cmp.Diff(want, read(t, ruleFile)); diff != "" {
		t.Errorf("%s is stale; run `go test ./docs -update` (-alerts.yaml +file):\n%s", ruleFile, diff)
	}
}
