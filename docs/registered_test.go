// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

// Package docs_test holds the pages to what they describe: the metrics that are registered, and the alerts that there
// are. `go test ./docs -update` writes what can be generated.
package docs_test

import (
	"cmp"
	"flag"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/client-go/rest"

	"github.com/hookstrap/hookstrap/internal/clean"
	"github.com/hookstrap/hookstrap/internal/clustercache"
	"github.com/hookstrap/hookstrap/internal/reload"
	"github.com/hookstrap/hookstrap/pkg/bootstrap"
	"github.com/hookstrap/hookstrap/pkg/command"
	"github.com/hookstrap/hookstrap/pkg/handler"
)

var update = flag.Bool("update", false, "write the generated parts instead of comparing them")

// metric is one that the server registers.
type metric struct {
	name, kind, help string
	labels           []string
}

// recorder is a Registerer that only takes notes. A registry cannot be asked what it has: a counter that has counted
// nothing yet is not among what it gathers.
type recorder struct {
	prometheus.Registerer
	t       *testing.T
	metrics []metric
}

// Register implements [prometheus.Registerer].
func (r *recorder) Register(c prometheus.Collector) error {
	r.t.Helper()
	described := make(chan *prometheus.Desc, 1)
	go func() { c.Describe(described); close(described) }()
	for d := range described {
		r.metrics = append(r.metrics, parseDesc(r.t, d, kindOf(c)))
	}
	return nil
}

// kindOf is "" for a collector with several metrics, whose names tell.
func kindOf(c prometheus.Collector) string {
	switch c.(type) {
	case prometheus.Histogram, *prometheus.HistogramVec:
		return "histogram"
	case *prometheus.GaugeVec, prometheus.Gauge:
		return "gauge"
	case *prometheus.CounterVec, prometheus.Counter:
		return "counter"
	case prometheus.GaugeFunc: // after the others, whose methods include all of its own
		return "gauge"
	default:
		return ""
	}
}

// parseDesc reads the only thing that a Desc gives away, its text.
func parseDesc(t *testing.T, d *prometheus.Desc, kind string) metric {
	t.Helper()
	text := regexp.MustCompile(`^Desc\{fqName: "([^"]+)", help: "([^"]+)", .*variableLabels: \{([^}]*)\}\}$`)
	parts := text.FindStringSubmatch(d.String())
	if parts == nil {
		t.Fatalf("cannot read %s", d)
	}
	m := metric{name: parts[1], kind: kind, help: parts[2]}
	if m.kind == "" {
		m.kind = "gauge"
		if strings.HasSuffix(m.name, "_total") {
			m.kind = "counter"
		}
	}
	if parts[3] != "" {
		m.labels = strings.Split(parts[3], ",")
	}
	return m
}

// registered are our metrics, by name.
func registered(t *testing.T) []metric {
	t.Helper()
	r := &recorder{t: t}
	_, err := bootstrap.New(bootstrap.Options{
		RESTConfig:    &rest.Config{Host: "https://127.0.0.1:1"},
		Environment:   bootstrap.Environment{Service: "web", Namespace: "shop", ServiceAccount: "web"},
		ExternalTrust: true,
		Registerer:    r,
	})
	if err != nil {
		t.Fatal(err)
	}
	h, err := handler.New(handler.Options{Registerer: r})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := reload.New(reload.Options{Handler: h, Registerer: r}); err != nil {
		t.Fatal(err)
	}
	if _, err := clustercache.NewWithOptions(t.Context(), &rest.Config{}, clustercache.Options{Registerer: r}); err != nil {
		t.Fatal(err)
	}
	if _, err := clean.New(clean.Options{Config: &rest.Config{}, Registerer: r}); err != nil {
		t.Fatal(err)
	}
	if err := r.Register(command.BuildInfo("v1")); err != nil {
		t.Fatal(err)
	}
	slices.SortFunc(r.metrics, func(a, b metric) int { return cmp.Compare(a.name, b.name) })
	return r.metrics
}

// row is the metric's line of the table.
func (m metric) row() string {
	labels := "–"
	if len(m.labels) > 0 {
		labels = "`" + strings.Join(m.labels, "`, `") + "`"
	}
	return fmt.Sprintf("| `%s` | %s | %s | %s |\n", m.name, m.kind, labels, m.help)
}

// between returns what stands between the two markers of a page, or with -update puts want there.
func between(t *testing.T, path, begin, end, want string) string {
	t.Helper()
	page := read(t, path)
	before, rest, foundBegin := strings.Cut(page, begin)
	got, after, foundEnd := strings.Cut(rest, end)
	if !foundBegin || !foundEnd {
		t.Fatalf("%s lacks the markers %q and %q", path, begin, end)
	}
	if *update {
		write(t, path, before+begin+want+end+after)
		return want
	}
	return got
}

func read(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func write(t *testing.T, path, content string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
}
