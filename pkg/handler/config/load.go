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
)

// Load reads a configuration file. The error names the file and everything that is wrong with it.
func Load(path string) (Configuration, error) {
	data, err := os.ReadFile(path) //nolint:gosec // the path is the administrator's own flag
	if err != nil {
		return Configuration{}, fmt.Errorf("cannot read the check configuration: %w", err)
	}
	c, err := Parse(data)
	if err != nil {
		return Configuration{}, fmt.Errorf("check configuration %s is not valid: %w", path, err)
	}
	return c, nil
}

// Parse reads a configuration of one YAML or JSON document, and fills in the defaults.
// The error has everything that is wrong with it.
func Parse(data []byte) (Configuration, error) {
	document, err := onlyDocument(data)
	if err != nil {
		return Configuration{}, err
	}
	asJSON, err := sigsyaml.YAMLToJSONStrict(document)
	if err != nil {
		return Configuration{}, fmt.Errorf("it is not YAML: %s", oneLine(err))
	}
	// Kubernetes' own decoder, not encoding/json: it minds the case of field names, and finds all unknown ones at once.
	var head struct {
		APIVersion string `json:"apiVersion"`
		Kind       string `json:"kind"`
	}
	if err := kjson.UnmarshalCaseSensitivePreserveInts(asJSON, &head); err != nil {
		return Configuration{}, fmt.Errorf("it is not a %s: %w", Kind, err)
	}
	if head.APIVersion != APIVersion || head.Kind != Kind {
		return Configuration{}, fmt.Errorf("it is apiVersion %q, kind %q: write apiVersion: %s and kind: %s",
			head.APIVersion, head.Kind, APIVersion, Kind)
	}
	c := Default()
	unknown, err := kjson.UnmarshalStrict(asJSON, &c)
	if err != nil {
		return Configuration{}, fmt.Errorf("it is not a %s: %w", Kind, err)
	}
	if err := errors.Join(append(unknown, c.Validate())...); err != nil {
		return Configuration{}, errors.New(oneLine(err))
	}
	return c, nil
}

// onlyDocument returns the one document in data. A YAML decoder would read the first and be silent about the rest.
func onlyDocument(data []byte) ([]byte, error) {
	reader := yaml.NewYAMLReader(bufio.NewReader(bytes.NewReader(data)))
	var found []byte
	for {
		document, err := reader.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("it is not YAML: %w", err)
		}
		if isBlank(document) {
			continue
		}
		if found != nil {
			return nil, errors.New("it has more than one YAML document: keep one")
		}
		found = document
	}
	if found == nil {
		return nil, fmt.Errorf("it is empty: begin with apiVersion: %s and kind: %s", APIVersion, Kind)
	}
	return found, nil
}

// isBlank says whether there are only comments, separators and white space.
func isBlank(document []byte) bool {
	for line := range strings.Lines(string(document)) {
		if line = strings.TrimSpace(line); line != "" && line != "---" && !strings.HasPrefix(line, "#") {
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
