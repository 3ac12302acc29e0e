// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package docs_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v3"
	sigyaml "sigs.k8s.io/yaml"
)

const chart = "../charts/hookstrap/"

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// generated compares a file with what it has to be, or with -update writes it.
func generated(t *testing.T, path, want string) {
	t.Helper()
	if *update {
		write(t, path, want)
	}
	if diff := cmp.Diff(want, read(t, path)); diff != "" {
		t.Errorf("%s is stale; run `go test ./docs -update` (-want +file):\n%s", path, diff)
	}
}

// A chart is one directory, so it has copies of what the kustomizations of manifests read.
func TestChartHasCopies(t *testing.T) {
	for _, file := range []string{"alerts.yaml", "dashboard.json"} {
		generated(t, chart+"files/"+file, read(t, "../manifests/monitoring/"+file))
	}
}

// The schema of the chart's values has that of the configuration file in it.
func TestChartKnowsTheChecks(t *testing.T) {
	var values, file map[string]any
	must(t, json.Unmarshal([]byte(read(t, chart+"values.schema.json")), &values))
	must(t, json.Unmarshal([]byte(read(t, schemaFile)), &file))
	properties, ofFile := values["properties"].(map[string]any), file["properties"].(map[string]any)
	for _, part := range []string{"checks", "mutations", "podTemplates"} {
		properties[part] = ofFile[part]
	}
	allowNull(properties["checks"].(map[string]any))
	maps.Copy(values["$defs"].(map[string]any), file["$defs"].(map[string]any))
	want, err := json.MarshalIndent(values, "", "  ")
	must(t, err)
	generated(t, chart+"values.schema.json", string(want)+"\n")
}

// allowNull lets a check be null: so Helm takes away what values.yaml has.
func allowNull(checks map[string]any) {
	for _, check := range checks["properties"].(map[string]any) {
		check.(map[string]any)["type"] = []any{"object", "null"}
	}
}

// The chart installs the image and the checks of the base.
func TestChartIsTheBase(t *testing.T) {
	image := regexp.MustCompile(`name: (\S+)\n +newTag: (v(\S+))`).FindStringSubmatch(read(t, "../manifests/base/kustomization.yaml"))
	if image == nil {
		t.Fatal("the base has no image with a tag")
	}
	var about struct{ Version, AppVersion string }
	var values, base struct {
		Image  struct{ Repository, Tag, Digest string }
		Checks map[string]any
	}
	must(t, sigyaml.Unmarshal([]byte(read(t, chart+"Chart.yaml")), &about))
	must(t, sigyaml.Unmarshal([]byte(read(t, chart+"values.yaml")), &values))
	must(t, sigyaml.Unmarshal([]byte(read(t, "../manifests/base/checks.yaml")), &base))
	base.Image.Repository = image[1]
	if about.AppVersion != image[2] || about.Version != image[3] {
		t.Errorf("the chart has the version %s and the appVersion %s, and the tag of the base is %s", about.Version, about.AppVersion, image[2])
	}
	if diff := cmp.Diff(base, values); diff != "" {
		t.Errorf("the values have another image or other checks than the base (-base +values):\n%s", diff)
	}
}

// TestValuesTable holds the table of docs/helm.md to values.yaml.
func TestValuesTable(t *testing.T) {
	var document yaml.Node
	must(t, yaml.Unmarshal([]byte(read(t, chart+"values.yaml")), &document))
	want := "\n| value | default | meaning |\n|---|---|---|\n" + valueRows(t, "", document.Content[0])
	got := between(t, "helm.md", "<!-- begin values -->", "<!-- end values -->", want)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("docs/helm.md is not what values.yaml says; run `go test ./docs -update` (-values +page):\n%s", diff)
	}
}

// valueRows are a row for each value that has a comment. One without is a group of such values.
func valueRows(t *testing.T, prefix string, mapping *yaml.Node) string {
	t.Helper()
	rows := ""
	for i := 0; i < len(mapping.Content); i += 2 {
		key, value := mapping.Content[i], mapping.Content[i+1]
		name, meaning := prefix+key.Value, lastParagraph(key.HeadComment)
		switch {
		case meaning != "":
			meaning = pageOfComment.ReplaceAllString(meaning, "[$1]($1$2)")
			rows += fmt.Sprintf("| `%s` | %s | %s |\n", name, flow(t, value), meaning)
		case value.Kind == yaml.MappingNode:
			rows += valueRows(t, name+".", value)
		default:
			t.Errorf("values.yaml says nothing of %s", name)
		}
	}
	return rows
}

// lastParagraph is the part of a comment that stands right above a key, in one line.
func lastParagraph(comment string) string {
	paragraphs := strings.Split(comment, "\n\n")
	lines := strings.Split(paragraphs[len(paragraphs)-1], "\n")
	for i, line := range lines {
		lines[i] = strings.TrimPrefix(strings.TrimPrefix(line, "#"), " ")
	}
	return strings.TrimSpace(strings.Join(lines, " "))
}

// pageOfComment is a page that a comment names, by its path from the root of the repository.
var pageOfComment = regexp.MustCompile(`\bdocs/([\w-]+\.md)(#[\w-]+)?`)

// flow is a value in one line.
func flow(t *testing.T, value *yaml.Node) string {
	t.Helper()
	var decoded any
	must(t, value.Decode(&decoded))
	if decoded == "" {
		return ""
	}
	text, err := json.Marshal(decoded)
	must(t, err)
	return "`" + regexp.MustCompile(`([,:])`).ReplaceAllString(strings.ReplaceAll(string(text), `"`, ""), "$1 ") + "`"
}

// The schema knows each value and no other, so that one which is spelled wrongly is refused.
func TestSchemaHasEveryValue(t *testing.T) {
	var schema, values map[string]any
	must(t, json.Unmarshal([]byte(read(t, chart+"values.schema.json")), &schema))
	must(t, yaml.Unmarshal([]byte(read(t, chart+"values.yaml")), &values))
	known := schema["properties"].(map[string]any)
	delete(known, "global") // Helm's own.
	if diff := cmp.Diff(slices.Sorted(maps.Keys(known)), slices.Sorted(maps.Keys(values))); diff != "" {
		t.Errorf("values.yaml and its schema differ (-schema +values):\n%s", diff)
	}
	for name, property := range known {
		fields := property.(map[string]any)
		if inner, has := fields["properties"].(map[string]any); has && name != "checks" && name != "mutations" {
			have := values[name].(map[string]any)
			if diff := cmp.Diff(slices.Sorted(maps.Keys(inner)), slices.Sorted(maps.Keys(have))); diff != "" {
				t.Errorf("%s: values.yaml and its schema differ (-schema +values):\n%s", name, diff)
			}
			if fields["additionalProperties"] != false {
				t.Errorf("the schema lets other values than those of %s pass", name)
			}
		}
	}
}
