// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package offline

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"

	sigsyaml "sigs.k8s.io/yaml"

	"github.com/hookstrap/hookstrap/internal/position"
)

// document is one document of a file, as JSON.
type document struct {
	json  []byte
	lines position.Document
	line  int // where it begins, from 1
	err   error
	// errLine is where the error is, 0 if that is not known.
	errLine int
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
		last.errLine = cmp.Or(last.errLine, d.errLine)
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

// splitYAML begins a document at every line that begins with three dashes, as kubectl does. Directives before that
// line, such as %YAML 1.2, say nothing that matters to manifests, and parsers take another version than 1.1 for an
// error.
func splitYAML(data []byte) []part {
	var parts []part
	current := part{}
	line, isEmpty := 0, true
	for text := range bytes.Lines(data) {
		switch {
		case isSeparator(text):
			parts = append(parts, current)
			current, isEmpty = part{before: line}, false
		case isEmpty && bytes.HasPrefix(text, []byte("%")):
			text = bytes.Repeat([]byte("\n"), bytes.Count(text, []byte("\n")))
		case len(bytes.TrimSpace(text)) > 0 && text[0] != '#':
			isEmpty = bytes.HasPrefix(text, []byte("...")) && len(bytes.TrimSpace(text)) == len("...")
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
	var err error
	if d.json, err = sigsyaml.YAMLToJSONStrict(p.text); err == nil {
		d.err = position.Alone(p.text)
	} else {
		var text string
		text, d.errLine = shifted(err.Error(), p.before)
		d.err = fmt.Errorf("it is not valid YAML: %s", inOneLine(text, d.errLine))
		if i := bytes.Index(p.text, []byte("{{")); i >= 0 {
			d.err = fmt.Errorf("%w; it looks like a template of Helm: render it first, as with helm template", d.err)
			d.errLine = cmp.Or(d.errLine, p.before+bytes.Count(p.text[:i], []byte("\n"))+1)
		}
	}
	return d, d.err != nil || string(d.json) != "null"
}

// inOneLine makes a list of a text of the YAML library, without the line that the place of the error says already.
func inOneLine(text string, line int) string {
	var all []string
	for one := range strings.SplitSeq(strings.TrimPrefix(text, "unmarshal errors:\n"), "\n") {
		all = append(all, strings.TrimPrefix(strings.TrimSpace(one), fmt.Sprintf("line %d: ", line)))
	}
	return strings.Join(all, "; ")
}

// shifted makes the lines in a text of the YAML library those of the file, since that counts from the beginning of the
// document, and returns the first one, or 0.
func shifted(text string, before int) (string, int) {
	first := 0
	text = regexp.MustCompile(`(?m)^ *line (\d+):`).ReplaceAllStringFunc(strings.TrimPrefix(text, "yaml: "),
		func(place string) string {
			indent, number, _ := strings.Cut(strings.TrimSuffix(place, ":"), "line ")
			line, err := strconv.Atoi(number)
			if err != nil {
				return place
			}
			first = cmp.Or(first, line+before)
			return fmt.Sprintf("%sline %d:", indent, line+before)
		})
	return text, first
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
			failed := document{line: line + 1, err: fmt.Errorf("it is not JSON: %w", err)}
			if at := (*json.SyntaxError)(nil); errors.As(err, &at) {
				failed.errLine = before + bytes.Count(data[:min(int(at.Offset), len(data))], []byte("\n")) + 1
			}
			return append(all, failed)
		}
		all = append(all, document{json: value, line: line + 1, lines: position.Parse(value, line)})
	}
}
