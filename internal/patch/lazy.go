// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package patch

import (
	"bytes"
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"unicode/utf8"

	"github.com/hookstrap/hookstrap/internal/lean"
)

// unread is a part of a document that was not looked into yet. Most of an object is the same before and after a change,
// byte for byte, and is never read.
type unread struct {
	text  []byte
	level any // once it was opened
}

// Lazy is as [Parse] for [Diff], [Merge] and [Bytes]: they read what they have to, and keep it in the document, so that
// only one goroutine may use that. Data is kept as well, and must not be changed.
func Lazy(data []byte) (any, error) {
	if !lean.Valid(data) {
		return nil, errors.New("reading JSON: it is not valid")
	}
	return Known(data), nil
}

// Known is as [Lazy], for what is known to be valid.
func Known(data []byte) any { return &unread{text: bytes.TrimSpace(data)} }

// open reads one level of a part of a document.
func open(part any) any {
	p, isUnread := part.(*unread)
	if !isUnread {
		return part
	}
	if p.level == nil {
		p.level = p.read()
	}
	return p.level
}

func (p *unread) read() any {
	switch p.text[0] {
	case '{':
		fields := map[string]any{}
		lean.Fields(p.text, func(name, value []byte) { fields[unquoted(name)] = &unread{text: value} })
		return fields
	case '[':
		items := []any{}
		lean.Items(p.text, func(item []byte) { items = append(items, &unread{text: item}) })
		return items
	}
	return scalar(p.text)
}

// scalar reads what is neither an object nor a list, as [Parse] does.
func scalar(text []byte) (value any) {
	switch text[0] {
	case '"', 't', 'f', 'n':
		_ = json.Unmarshal(text, &value) // It is valid.
		return value
	default:
		return json.Number(text)
	}
}

// unquoted is what the name of a member says.
func unquoted(name []byte) string {
	if bytes.IndexByte(name, '\\') >= 0 || !utf8.Valid(name) {
		text, _ := whole(&unread{text: name}).(string)
		return text
	}
	return string(name[1 : len(name)-1])
}

// whole reads all of a part of a document.
func whole(part any) any {
	switch part := part.(type) {
	case *unread:
		document, _ := Parse(part.text) // Lazy has made sure that it can be read.
		return document
	case map[string]any:
		fields := make(map[string]any, len(part))
		for name, field := range part {
			fields[name] = whole(field)
		}
		return fields
	case []any:
		items := make([]any, len(part))
		for i, item := range part {
			items[i] = whole(item)
		}
		return items
	}
	return part
}

// equal says whether parts of documents mean the same.
func equal(a, b any) bool {
	if p, ok := a.(*unread); ok {
		if other, ok := b.(*unread); ok && bytes.Equal(p.text, other.text) {
			return true
		}
	}
	switch a := open(a).(type) {
	case map[string]any:
		b, ok := open(b).(map[string]any)
		return ok && maps.EqualFunc(a, b, equal)
	case []any:
		b, ok := open(b).([]any)
		return ok && slices.EqualFunc(a, b, equal)
	default:
		return a == open(b)
	}
}

// Bytes writes a document in JSON, of about a size in bytes. What was not read is as it was.
func Bytes(document any, size int) ([]byte, error) { return write(make([]byte, 0, size), document) }

func write(out []byte, part any) ([]byte, error) {
	switch part := part.(type) {
	case *unread:
		return append(out, part.text...), nil
	case map[string]any:
		return writeObject(out, part)
	case []any:
		return writeList(out, part)
	}
	text, err := json.Marshal(part)
	return append(out, text...), err
}

func writeObject(out []byte, fields map[string]any) ([]byte, error) {
	out = append(out, '{')
	for i, name := range slices.Sorted(maps.Keys(fields)) {
		if i > 0 {
			out = append(out, ',')
		}
		text, err := json.Marshal(name)
		if err != nil {
			return nil, err
		}
		out = append(append(out, text...), ':')
		if out, err = write(out, fields[name]); err != nil {
			return nil, err
		}
	}
	return append(out, '}'), nil
}

func writeList(out []byte, items []any) (_ []byte, err error) {
	out = append(out, '[')
	for i, item := range items {
		if i > 0 {
			out = append(out, ',')
		}
		if out, err = write(out, item); err != nil {
			return nil, err
		}
	}
	return append(out, ']'), nil
}
