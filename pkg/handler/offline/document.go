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
	var all []document
	for _, part := range splitYAML(data) {
		all = append(all, part.documents()...)
	}
	return all
}

// documents reads a part that begins like JSON as one JSON value after another. If it is something else, such as YAML
// in the flow style, it is one document of YAML, as any other part. What is neither is told of both.
func (p part) documents() []document {
	var all []document
	body := bytes.TrimPrefix(p.text, []byte("---"))
	if bytes.HasPrefix(bytes.TrimSpace(body), []byte("{")) {
		if all = jsonDocuments(body, p.before); all[len(all)-1].err == nil {
			return all
		}
	}
	d, ok := yamlDocument(p)
	switch {
	case d.err != nil && len(all) > 0:
		last := &all[len(all)-1]
		last.err = fmt.Errorf("%w; and %w", last.err, d.err)
		return all
	case ok:
		return []document{d}
	}
	return nil
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

// jsonDocuments reads one JSON value after another, behind a number of other lines. The last may have an error.
func jsonDocuments(data []byte, before int) []document {
	var all []document
	decoder := json.NewDecoder(bytes.NewReader(data))
	for {
		end := min(int(decoder.InputOffset()), len(data))
		begin := len(data) - len(bytes.TrimLeft(data[end:], " \t\r\n"))
		line := before + bytes.Count(data[:begin], []byte("\n"))
		var value json.RawMessage
		err := decoder.Decode(&value)
		if errors.Is(err, io.EOF) {
			return all
		}
		if err != nil {
			return append(all, document{line: line + 1, err: fmt.Errorf("it is not JSON: %w", err)})
		}
		all = append(all, document{json: value, line: line + 1, lines: position.Parse(value, line)})
	}
}
