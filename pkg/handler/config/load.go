// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package config

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"k8s.io/apimachinery/pkg/util/yaml"
	kjson "sigs.k8s.io/json"
	sigsyaml "sigs.k8s.io/yaml"

	"github.com/hookstrap/hookstrap/internal/position"
	"github.com/hookstrap/hookstrap/pkg/handler"
)

// Load reads a configuration file of checks that are defined. The error names the file and everything that is wrong
// with it; it wraps that of [Parse].
func Load(path string, definitions []handler.Definition) (Configuration, error) {
	data, err := os.ReadFile(path) //nolint:gosec // the path is the administrator's own flag
	if err != nil {
		return Configuration{}, fmt.Errorf("cannot read the check configuration: %w", err)
	}
	c, err := Parse(data, definitions)
	if err != nil {
		return Configuration{}, fmt.Errorf("check configuration %s is not valid: %w", path, err)
	}
	return c, nil
}

// Parse reads a configuration of one YAML or JSON document, and fills in the defaults. The error has everything that is
// wrong with it, each thing with its line and the path of its field; if the document as such can be read, it is
// [Errors].
func Parse(data []byte, definitions []handler.Definition) (Configuration, error) {
	data, before, err := onlyDocument(data)
	if err != nil {
		return Configuration{}, err
	}
	asJSON, err := sigsyaml.YAMLToJSON(data)
	if err != nil {
		return Configuration{}, fmt.Errorf("it is not valid YAML: %s", oneLine(err))
	}
	if err := position.Alone(data); err != nil {
		return Configuration{}, err
	}
	if err := checkHead(asJSON); err != nil {
		return Configuration{}, err
	}
	d := decoder{lines: position.Parse(data, before), configuration: Default(definitions)}
	for _, twice := range d.lines.Duplicates() {
		d.report(twice.Line, "field %q is there twice, first on line %d", twice.Key, twice.First)
	}
	d.document(asJSON)
	if err := d.err(); err != nil {
		return Configuration{}, err
	}
	// For what the lines are not known of.
	if _, err := sigsyaml.YAMLToJSONStrict(data); err != nil {
		return Configuration{}, fmt.Errorf("it is not valid YAML: %s", oneLine(err))
	}
	d.configuration.Warnings = inOrder(d.warnings)
	return d.configuration, nil
}

// checkHead wants the document to say what it is.
func checkHead(asJSON []byte) error {
	// Kubernetes' own decoder, not encoding/json: it minds the case of field names.
	var head struct {
		APIVersion string `json:"apiVersion"`
		Kind       string `json:"kind"`
	}
	if err := kjson.UnmarshalCaseSensitivePreserveInts(asJSON, &head); err != nil {
		return fmt.Errorf("it is not a %s: %w", Kind, err)
	}
	if head.APIVersion != APIVersion || head.Kind != Kind {
		return fmt.Errorf("it is apiVersion %q, kind %q: write apiVersion: %s and kind: %s",
			head.APIVersion, head.Kind, APIVersion, Kind)
	}
	return nil
}

// onlyDocument returns the one document in data, and how many lines come before it. A YAML decoder would read the first
// document and be silent about the rest.
func onlyDocument(data []byte) (document []byte, before int, err error) {
	reader := yaml.NewYAMLReader(bufio.NewReader(bytes.NewReader(data)))
	for {
		next, err := reader.Read()
		switch {
		case errors.Is(err, io.EOF) && document == nil:
			return nil, 0, fmt.Errorf("it is empty: begin with apiVersion: %s and kind: %s", APIVersion, Kind)
		case errors.Is(err, io.EOF):
			return document, bytes.Count(data[:max(0, bytes.Index(data, document))], []byte("\n")), nil
		case err != nil:
			return nil, 0, fmt.Errorf("it is not valid YAML: %w", err)
		case isBlank(next):
		case document != nil:
			return nil, 0, errors.New("it has more than one YAML document: keep one")
		default:
			document = next
		}
	}
}

// isBlank says whether there are only comments, directives such as %YAML 1.2, separators and white space.
func isBlank(document []byte) bool {
	for line := range strings.Lines(string(document)) {
		if line = strings.TrimSpace(line); line != "" && line != "---" && line[0] != '#' && line[0] != '%' {
			return false
		}
	}
	return true
}

// oneLine puts joined errors, and those of the YAML library, on one line.
func oneLine(err error) string {
	var parts []string
	for line := range strings.Lines(err.Error()) {
		parts = append(parts, strings.TrimSpace(line))
	}
	return strings.Join(parts, "; ")
}

// Errors are all the mistakes in a configuration, in the order of their lines. Each is a sentence that begins with
// its line, if it has one.
type Errors []string

// Error has them all on one line.
func (p Errors) Error() string { return strings.Join(p, "; ") }
