// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package docs_test

import (
	"cmp"
	"encoding/json"
	"fmt"
	"reflect"
	"regexp"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/hookstrap/hookstrap/internal/view"
	"github.com/hookstrap/hookstrap/pkg/handler"
	"github.com/hookstrap/hookstrap/pkg/handler/check"
)

func TestChecksPage(t *testing.T) {
	comments := fieldComments(t, "../pkg/handler/check")
	page := "\n| check | by default | |\n|---|---|---|\n"
	for _, d := range check.Definitions() {
		page += fmt.Sprintf("| [`%s`](#%s) | %s | %s |\n", d.Name, strings.ToLower(d.Name), defaultMode(d), cell(d.Doc.Summary))
	}
	for _, d := range check.Definitions() {
		page += section(t, d, comments)
	}
	got := between(t, "checks.md", "<!-- begin checks -->", "<!-- end checks -->", page+"\n")
	if diff := gocmp.Diff(page+"\n", got); diff != "" {
		t.Errorf("docs/checks.md is not what the code says; run `go test ./docs -update` (-code +page):\n%s", diff)
	}
}

// The front pages name every check, and what becomes of it when no one says anything.
func TestChecksOnTheFrontPages(t *testing.T) {
	var modes []handler.Mode
	links := map[handler.Mode][]string{}
	for _, d := range check.Definitions() {
		mode := defaultMode(d)
		if links[mode] == nil {
			modes = append(modes, mode)
		}
		links[mode] = append(links[mode], fmt.Sprintf("[`%s`](docs/checks.md#%s)", d.Name, strings.ToLower(d.Name)))
	}
	for page, head := range map[string]string{"../README.md": "by default | checks", "../README.zh-CN.md": "默认模式 | 检查项"} {
		table := "\n| " + head + " |\n|---|---|\n"
		for _, mode := range modes {
			table += fmt.Sprintf("| %s | %s |\n", mode, strings.Join(links[mode], ", "))
		}
		got := between(t, page, "<!-- begin checks -->", "<!-- end checks -->", table)
		if diff := gocmp.Diff(table, got); diff != "" {
			t.Errorf("%s does not name the checks that there are; run `go test ./docs -update` (-code +page):\n%s", page, diff)
		}
	}
}

// The two front pages have the same sections, and name the same pages, in the same order.
func TestFrontPagesHaveTheSameStructure(t *testing.T) {
	lines := regexp.MustCompile("(?m)^(##? |```[a-z]*$|\\| \\[[^|]*)")
	english := lines.FindAllString(read(t, "../README.md"), -1)
	chinese := lines.FindAllString(strings.ReplaceAll(read(t, "../README.zh-CN.md"), "、", ", "), -1)
	if diff := gocmp.Diff(english, chinese); diff != "" {
		t.Errorf("README.zh-CN.md has other sections, blocks or pages than README.md (-English +Chinese):\n%s", diff)
	}
}

func defaultMode(d handler.Definition) handler.Mode { return cmp.Or(d.DefaultMode, handler.Off) }

func section(t *testing.T, d handler.Definition, comments map[string]string) string {
	t.Helper()
	text := fmt.Sprintf("\n## %s\n\n%s %s\n", d.Name, d.Doc.Summary, d.Doc.Why)
	if kinds := lookedUp(d); kinds != "" {
		text += "\nIt may look up " + kinds + " in the cluster, from a cache of them.\n"
	}
	value := reflect.ValueOf(d.NewParameters()).Elem()
	if value.NumField() > 0 {
		text += "\n| parameter | type | default | |\n|---|---|---|---|\n" + rows(t, value, "", comments)
	}
	with := strings.ToUpper
	if d.Doc.Parameters != "" {
		text += "\nWith these parameters\n" + code(d.Doc.Parameters)
		with = strings.ToLower
	}
	if d.IsMutation() {
		what := with("T") + "his"
		return text + "\n" + what + " is changed:\n" + code(d.Doc.Denied) + "\nIt becomes:\n" + code(d.Doc.Admitted)
	}
	what := d.Doc.Subject()
	return text + "\n" + with(what[:1]) + what[1:] + " is denied:\n" + code(d.Doc.Denied) +
		"\n" + what + " is admitted:\n" + code(d.Doc.Admitted)
}

func code(yaml string) string { return "\n```yaml\n" + strings.TrimSpace(yaml) + "\n```\n" }

func lookedUp(d handler.Definition) string {
	var kinds []string
	for _, obj := range d.Reads {
		of := view.TypeOf(obj)
		if kind := of.GetObjectKind().GroupVersionKind().Kind; kind != "" {
			if _, isWhole := of.(runtime.Unstructured); !isWhole {
				kind = "the names of " + kind
			}
			kinds = append(kinds, kind+"s")
			continue
		}
		kinds = append(kinds, reflect.TypeOf(of).Elem().Name()+"s")
	}
	if last := len(kinds) - 1; last > 0 {
		kinds = []string{strings.Join(kinds[:last], ", ") + " and " + kinds[last]}
	}
	return strings.NewReplacer("Ingresss", "Ingresses", "Policys", "Policies").Replace(strings.Join(kinds, ""))
}

// rows are the lines of a table about the fields of a struct, and of the structs in it.
func rows(t *testing.T, value reflect.Value, prefix string, comments map[string]string) string {
	t.Helper()
	text := ""
	for i := range value.NumField() {
		f, v := value.Type().Field(i), value.Field(i)
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		comment := comments[value.Type().Name()+"."+f.Name]
		if name == "" || comment == "" {
			t.Errorf("%s.%s has no JSON name or no comment", value.Type(), f.Name)
		}
		text += fmt.Sprintf("| `%s%s` | %s | %s | %s |\n", prefix, name, typeName(t, f.Type), defaultOf(t, v, prefix), cell(comment))
		if elem, ok := listOfStructs(f.Type); ok {
			text += rows(t, reflect.New(elem).Elem(), prefix+name+"[].", comments)
		}
	}
	return text
}

func listOfStructs(t reflect.Type) (reflect.Type, bool) {
	if t.Kind() != reflect.Slice || t.Elem().Kind() != reflect.Struct {
		return nil, false
	}
	return t.Elem(), true
}

func typeName(t *testing.T, of reflect.Type) string {
	t.Helper()
	if of == reflect.TypeFor[metav1.LabelSelector]() {
		return "label selector"
	}
	switch of.Kind() {
	case reflect.Bool:
		return "true or false"
	case reflect.String:
		return "text"
	case reflect.Int32, reflect.Int64, reflect.Float64:
		return "number"
	case reflect.Struct:
		return "object"
	case reflect.Slice:
		return "list of " + strings.Replace(typeName(t, of.Elem())+"s", "texts", "text", 1)
	case reflect.Map:
		return typeName(t, of.Elem()) + " by name"
	default:
		t.Fatalf("docs/checks.md has no word for a %s", of)
		return ""
	}
}

// defaultOf is a default as it would be written. A field of an element of a list has none.
func defaultOf(t *testing.T, v reflect.Value, prefix string) string {
	t.Helper()
	if prefix != "" || v.IsZero() && v.Kind() != reflect.Bool {
		return "–"
	}
	text, err := json.Marshal(v.Interface())
	if err != nil {
		t.Fatal(err)
	}
	return "`" + strings.Trim(string(text), `"`) + "`"
}

// cell makes text fit for a table.
func cell(text string) string {
	return strings.ReplaceAll(strings.Join(strings.Fields(text), " "), "|", `\|`)
}
