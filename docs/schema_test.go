// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package docs_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/hookstrap/hookstrap/pkg/handler/check"
	"github.com/hookstrap/hookstrap/pkg/handler/mutation"
)

const schemaFile = "checkconfiguration.schema.json"

// TestSchema holds the file to the types; -update writes it.
func TestSchema(t *testing.T) {
	want, err := schemaOf(slices.Concat(check.Definitions(), mutation.Definitions()), comments{}.of(t))
	if err != nil {
		t.Fatal(err)
	}
	if *update {
		write(t, schemaFile, string(want))
	}
	if diff := cmp.Diff(string(want), read(t, schemaFile)); diff != "" {
		t.Errorf("docs/%s is not what the types say; run `go test ./docs -update` (-types +file):\n%s", schemaFile, diff)
	}
}

// comments are the doc comments of fields, by type and field, of the packages that were read so far.
type comments map[string]map[string]string

// of reads the sources of a type's package when it is asked for one.
func (c comments) of(t *testing.T) describer {
	t.Helper()
	return func(structure reflect.Type, field string) string {
		dir, ours := strings.CutPrefix(structure.PkgPath(), "github.com/hookstrap/hookstrap/")
		if !ours {
			return ""
		}
		if c[dir] == nil {
			c[dir] = fieldComments(t, "../"+dir)
		}
		text := c[dir][structure.Name()+"."+field]
		if text == "" {
			t.Errorf("%s.%s has no comment, and hence no description in the schema", structure, field)
		}
		return text
	}
}

// Every check and each of its parameters is there, with the mode and the exemptions that all of them have.
func TestSchemaHasEveryCheck(t *testing.T) {
	var found struct {
		Properties struct {
			Checks struct {
				Properties map[string]struct{ Properties map[string]any }
			}
		}
	}
	if err := json.Unmarshal([]byte(read(t, schemaFile)), &found); err != nil {
		t.Fatal(err)
	}
	for _, d := range check.Definitions() {
		properties := found.Properties.Checks.Properties[d.Name].Properties
		data, err := json.Marshal(d.NewParameters())
		if err != nil {
			t.Fatal(err)
		}
		want := map[string]any{"mode": nil, "failurePolicy": nil, "onError": nil, "exempt": nil}
		if err := json.Unmarshal(data, &want); err != nil {
			t.Fatal(err)
		}
		for name := range want {
			if properties[name] == nil {
				t.Errorf("%s has no %s", d.Name, name)
			}
		}
	}
}

// What the shipped file tells editors is where the schema is.
func TestShippedFileNamesItsSchema(t *testing.T) {
	line, _, _ := strings.Cut(read(t, "../manifests/base/checks.yaml"), "\n")
	path, found := strings.CutPrefix(line, "# yaml-language-server: $schema=")
	if _, err := os.Stat(filepath.Join("../manifests/base", path)); !found || err != nil {
		t.Errorf("%q leads to no schema: %v", line, err)
	}
}
