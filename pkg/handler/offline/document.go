// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package offline

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	sigsyaml "sigs.k8s.io/yaml"

	"github.com/hookstrap/hookstrap/pkg/handler/internal/position"
)

// document is one document of a file, as JSON.
type document struct {
	json  []byte
	lines position.Document
	line  int // where it begins, from 1
	err   error
}

// documents takes a file apart. What cannot be read is a document with an error.
func documents(data []byte) []document {
	data = bytes.TrimPrefix(data, []byte("\ufeff"))
	if trimmed := bytes.TrimSpace(data); len(trimmed) > 0 && trimmed[0] == '{' {
		return jsonDocuments(data)
	}
	var all []document
	for _, part := range splitYAML(data) {
		if d, ok := yamlDocument(part); ok {
			all = append(all, d)
		}
	}
	return all
}

// part is the text of a document, and how many lines come before it.
type part struct {
	text   []byte
	before int
}

// splitYAML begins a document at every line that begins with three dashes, as kubectl does.
func splitYAML(data []byte) []part {
	var parts []part
	current := part{}
	line := 0
	for text := range bytes.Lines(data) {
		if isSeparator(text) {
			parts = append(parts, current)
			current = part{before: line}
		}
		current.text = append(current.text, text...)
		line++
	}
	return append(parts, current)
}

func isSeparator(line []byte) bool {
	rest, found := bytes.CutPrefix(line, []byte("---"))
	return found && (len(bytes.TrimSpace(rest)) == 0 || rest[0] == ' ' || rest[0] == '\t')
}

// yamlDocument is false for a document with nothing in it.
func yamlDocument(p part) (document, bool) {
	d := document{line: p.before + 1, lines: position.Parse(p.text, p.before)}
	if line := d.lines.Line(""); line > 0 {
		d.line = line
	}
	d.json, d.err = sigsyaml.YAMLToJSONStrict(p.text)
	if d.err != nil {
		d.err = fmt.Errorf("it is not YAML: %s", strings.ReplaceAll(shifted(d.err.Error(), p.before), "\n", " "))
	} else {
		d.err = position.Alone(p.text)
	}
	return d, d.err != nil || string(d.json) != "null"
}

// shifted takes the line out of a text of the YAML library, which counts from the beginning of the document.
func shifted(text string, before int) string {
	text = strings.TrimPrefix(text, "yaml: ")
	var line int
	if n, err := fmt.Sscanf(text, "line %d:", &line); n == 1 && err == nil && before > 0 {
		_, rest, _ := strings.Cut(text, ":")
		return fmt.Sprintf("line %d:%s", line+before, rest)
	}
	return text
}

// jsonDocuments reads one JSON value after another.
func jsonDocuments(data []byte) []document {
	var all []document
	decoder := json.NewDecoder(bytes.NewReader(data))
	for {
		var value json.RawMessage
		err := decoder.Decode(&value)
		if errors.Is(err, io.EOF) {
			return all
		}
		end := min(int(decoder.InputOffset()), len(data))
		before := bytes.Count(data[:end-min(end, len(value))], []byte("\n"))
		if err != nil {
			return append(all, document{line: before + 1, err: fmt.Errorf("it is not JSON: %w", err)})
		}
		all = append(all, document{json: value, line: before + 1, lines: position.Parse(value, before)})
	}
}
