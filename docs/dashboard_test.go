// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package docs_test

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"
)

const dashboardFile = "../manifests/monitoring/dashboard.json"

// dashboard is what we know of Grafana's JSON. That the expressions are PromQL, promtool says: `make verify-alerts`.
type dashboard struct {
	UID        string `json:"uid"`
	Templating struct {
		List []struct {
			Name       string          `json:"name"`
			Query      json.RawMessage `json:"query"`
			Definition string          `json:"definition"` // the query, as it is shown
		} `json:"list"`
	} `json:"templating"`
	Panels []panel `json:"panels"`
}

type panel struct {
	ID          int    `json:"id"`
	Type        string `json:"type"`
	Title       string `json:"title"`
	Description string `json:"description"`
	GridPos     struct {
		X, Y, W, H int
	} `json:"gridPos"`
	Datasource struct {
		UID string `json:"uid"`
	} `json:"datasource"`
	Targets []target `json:"targets"`
}

type target struct {
	Datasource struct {
		UID string `json:"uid"`
	} `json:"datasource"`
	RefID        string `json:"refId"`
	Expr         string `json:"expr"`
	LegendFormat string `json:"legendFormat"`
}

func readDashboard(t *testing.T) dashboard {
	t.Helper()
	var d dashboard
	if err := json.Unmarshal([]byte(read(t, dashboardFile)), &d); err != nil {
		t.Fatal(err)
	}
	if len(d.Panels) < 10 {
		t.Fatalf("%s has %d panels: this test proves nothing", dashboardFile, len(d.Panels))
	}
	return d
}

// grouped are the labels that a query keeps: those it sums by, else all that its metrics have.
func grouped(expr string, all []string) []string {
	if by := regexp.MustCompile(`\bby \(([^)]*)\)`).FindAllStringSubmatch(expr, -1); by != nil {
		return strings.Split(by[len(by)-1][1], ", ")
	}
	return all
}

// A panel that asks for a metric or a label that does not exist is empty indefinitely, and looks like good news.
func TestDashboardAsksForWhatExists(t *testing.T) {
	labels := regexp.MustCompile(`([a-z_]+)(?:=~|!~|!=|=)"`)
	used := regexp.MustCompile(`{{ *(\w+) *}}`)
	for _, p := range readDashboard(t).Panels {
		for _, q := range p.Targets {
			has := labelsOf(t, alert{Alert: p.Title, Expr: strings.ReplaceAll(q.Expr, "_bucket{", "{")})
			if strings.Contains(q.Expr, "_bucket{") {
				has = append(has, "le")
			}
			for _, match := range labels.FindAllStringSubmatch(q.Expr, -1) {
				if !slices.Contains(has, match[1]) {
					t.Errorf("%s compares the label %s, which the metric does not have", p.Title, match[1])
				}
			}
			kept := grouped(q.Expr, has)
			for _, label := range kept {
				if !slices.Contains(has, label) {
					t.Errorf("%s groups by %s, which the metric does not have", p.Title, label)
				}
			}
			for _, match := range used.FindAllStringSubmatch(q.LegendFormat, -1) {
				if !slices.Contains(kept, match[1]) {
					t.Errorf("%s names the label %s, which its result does not have", p.Title, match[1])
				}
			}
		}
	}
}

// Anyone who adds a metric decides whether it is to be seen.
func TestDashboardShowsEveryMetric(t *testing.T) {
	hidden := map[string]string{
		"hookstrap_build_info":                                         "it does not change while a pod runs",
		"hookstrap_in_force":                                           "it is 1; an alert tells when it is not",
		"hookstrap_ca_foreign":                                         "it is 0; an alert and an event tell when it is not",
		"hookstrap_sidecar_outdated":                                   "it is 0; an alert and an event tell when it is not",
		"hookstrap_target_waived":                                      "it is 0; an alert and an event tell when it is not",
		"hookstrap_entries_uncallable":                                 "it is 0; an event and the log tell when it is not",
		"hookstrap_webhook_entries_foreign":                            "it is 0, or expected; an alert and an event tell when not",
		"hookstrap_cabundle_writes_total":                              "repairs and failures say what is wrong; most writes are not",
		"hookstrap_check_config_last_reload_success_timestamp_seconds": "the timeline shows when",
		"hookstrap_check_last_audit_timestamp_seconds":                 "it is of one mode, and the log tells when an audit fails",
		"hookstrap_check_warning_namespaces":                           "it is of one mode, and an event tells when it is less",
		"hookstrap_cluster_cache_bytes":                                "an alert says when it is too much",
		"hookstrap_cluster_cache_limit_bytes":                          "it does not change",
		"hookstrap_cluster_cache_missing_objects":                      "an alert says so",
		"hookstrap_cluster_cache_objects":                              "an alert says when some are missing",
	}
	text := read(t, dashboardFile)
	for _, m := range registered(t) {
		shown := regexp.MustCompile(`\b` + m.name + `(_bucket)?\b`).MatchString(text)
		if shown == (hidden[m.name] != "") {
			t.Errorf("%s: shown is %t, and the reason to hide it %q", m.name, shown, hidden[m.name])
		}
	}
}

// Only what was chosen above the panels is asked for, and nothing is tied to the data source of somebody's Grafana.
func TestDashboardVariables(t *testing.T) {
	d := readDashboard(t)
	declared := []string{"__rate_interval"}
	asked := ""
	for _, v := range d.Templating.List {
		declared = append(declared, v.Name)
		asked += v.Definition + string(v.Query)
	}
	if labels := labelsOf(t, alert{Alert: "The choice of namespaces", Expr: asked}); !slices.Contains(labels, "namespace") {
		t.Errorf("%s finds the namespaces by %q, whose metric has none", dashboardFile, asked)
	}
	text := read(t, dashboardFile)
	for _, match := range regexp.MustCompile(`\$(?:\{([a-z_]+)\}|([a-z_]+))`).FindAllStringSubmatch(text, -1) {
		if name := match[1] + match[2]; !slices.Contains(declared, name) {
			t.Errorf("%s uses $%s, which is no variable of it", dashboardFile, name)
		}
	}
	for _, p := range d.Panels {
		for _, q := range p.Targets {
			if p.Datasource.UID != "${datasource}" || q.Datasource.UID != "${datasource}" || !strings.Contains(q.Expr, `namespace="$namespace"`) {
				t.Errorf("%s does not ask the chosen data source for the chosen namespace", p.Title)
			}
		}
	}
}

// Grafana moves panels that overlap, and mixes up those with the same id.
func TestDashboardLayout(t *testing.T) {
	ids, cells := map[int]string{}, map[[2]int]string{}
	for _, p := range readDashboard(t).Panels {
		if other, taken := ids[p.ID]; taken || p.ID == 0 {
			t.Errorf("%s and %s have the id %d", p.Title, other, p.ID)
		}
		ids[p.ID] = p.Title
		if p.Type != "row" && (p.Title == "" || !strings.HasSuffix(p.Description, ".") || len(p.Targets) == 0) {
			t.Errorf("panel %d (%s) lacks a title, a query, or a sentence about itself", p.ID, p.Title)
		}
		if !slices.Contains([]string{"row", "stat", "timeseries", "heatmap", "bargauge", "state-timeline"}, p.Type) {
			t.Errorf("%s is a %q, which Grafana does not have", p.Title, p.Type)
		}
		g := p.GridPos
		if g.W < 1 || g.H < 1 || g.X < 0 || g.Y < 0 || g.X+g.W > 24 {
			t.Errorf("%s is not on the grid of 24 columns: %+v", p.Title, g)
		}
		for x := g.X; x < g.X+g.W; x++ {
			for y := g.Y; y < g.Y+g.H; y++ {
				if other, taken := cells[[2]int{x, y}]; taken {
					t.Fatalf("%s and %s overlap at %d, %d", p.Title, other, x, y)
				}
				cells[[2]int{x, y}] = p.Title
			}
		}
	}
}

// The queries as recording rules, which is the form in which promtool reads them.
func TestDashboardRules(t *testing.T) {
	type rule struct {
		Record string `json:"record"`
		Expr   string `json:"expr"`
	}
	type group struct {
		Name  string `json:"name"`
		Rules []rule `json:"rules"`
	}
	g := group{Name: "dashboard"}
	for _, p := range readDashboard(t).Panels {
		for _, q := range p.Targets {
			expr := strings.NewReplacer("$__rate_interval", "1m", "$namespace", "hookstrap-system").Replace(q.Expr)
			g.Rules = append(g.Rules, rule{Record: fmt.Sprintf("panel:%d:%s", p.ID, strings.ToLower(q.RefID)), Expr: expr})
		}
	}
	rules, err := yaml.Marshal(map[string]any{"groups": []group{g}})
	if err != nil {
		t.Fatal(err)
	}
	const path = "testdata/dashboard_rules.yaml"
	want := "# Written by `go test ./docs -update`: the queries of dashboard.json, for `make verify-alerts` to read. These rules record nothing\n" +
		"# them.\n" + string(rules)
	if *update {
		write(t, path, want)
	}
	if read(t, path) != want {
		t.Errorf("%s is stale; run `go test ./docs -update`", path)
	}
}
