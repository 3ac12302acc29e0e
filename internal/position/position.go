// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

// Package position finds the line of a YAML document on which a field is, by the field's path.
package position

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Document is a YAML or JSON document whose lines are known. The zero value knows none. It is safe for concurrent use.
type Document struct {
	root *yaml.Node
	// keys finds the fields of maps that have many.
	keys map[*yaml.Node]map[string]int
	// before is how many lines come before the document in its file.
	before int
}

// Parse reads a document that begins behind a number of other lines of its file. Where it cannot be read it has no
// lines: what is wrong with it is for its other reader to say.
func Parse(data []byte, before int) Document {
	var node yaml.Node
	if err := yaml.Unmarshal(data, &node); err != nil || len(node.Content) == 0 {
		return Document{}
	}
	d := Document{root: node.Content[0], keys: map[*yaml.Node]map[string]int{}, before: before}
	d.index(d.root)
	return d
}

// manyKeys is how many fields a map has that is worth an index.
const manyKeys = 32

func (d Document) index(node *yaml.Node) {
	if node.Kind == yaml.MappingNode && len(node.Content) > 2*manyKeys {
		keys := make(map[string]int, len(node.Content)/2)
		for i := 0; i+1 < len(node.Content); i += 2 {
			if _, ok := keys[node.Content[i].Value]; !ok {
				keys[node.Content[i].Value] = i
			}
		}
		d.keys[node] = keys
	}
	for _, n := range node.Content {
		d.index(n)
	}
}

// Item is the item of a list in the document, as a document of its own.
func (d Document) Item(list string, index int) Document {
	_, items := d.find(d.root, list)
	_, node := d.find(items, strconv.Itoa(index))
	if node == nil {
		return Document{}
	}
	return Document{root: node, keys: d.keys, before: d.before}
}

// Line returns the line, from 1, of a field such as spec.containers[0].image, or of the nearest one above that is
// there; 0 if nothing is known.
func (d Document) Line(path string) int {
	if d.root == nil {
		return 0
	}
	node := d.root
	line := node.Line
	for _, name := range split(path) {
		key, value := d.find(node, name)
		if value == nil {
			break
		}
		node, line = value, key.Line
	}
	return d.before + line
}

// Duplicate is a key that is in its map more than once.
type Duplicate struct {
	Key         string
	Line, First int
}

// Duplicates returns all keys that are there more than once, in their order.
func (d Document) Duplicates() []Duplicate { return d.duplicates(d.root) }

func (d Document) duplicates(node *yaml.Node) []Duplicate {
	if node == nil {
		return nil
	}
	var found []Duplicate
	if node.Kind == yaml.MappingNode {
		first := map[string]int{}
		for i := 0; i+1 < len(node.Content); i += 2 {
			key := node.Content[i]
			if line, ok := first[key.Value]; ok && key.Kind == yaml.ScalarNode {
				found = append(found, Duplicate{Key: key.Value, Line: d.before + key.Line, First: d.before + line})
				continue
			}
			first[key.Value] = key.Line
		}
	}
	for _, n := range node.Content { // an alias has none: what it stands for is looked at where it is
		found = append(found, d.duplicates(n)...)
	}
	return found
}

// find returns a field or item, and where it begins: a field at its key.
func (d Document) find(node *yaml.Node, name string) (key, value *yaml.Node) {
	if node != nil && node.Kind == yaml.AliasNode {
		node = node.Alias
	}
	switch {
	case node == nil:
	case d.keys[node] != nil:
		if i, ok := d.keys[node][name]; ok {
			return node.Content[i], node.Content[i+1]
		}
	case node.Kind == yaml.MappingNode:
		for i := 0; i+1 < len(node.Content); i += 2 {
			if node.Content[i].Value == name {
				return node.Content[i], node.Content[i+1]
			}
		}
	case node.Kind == yaml.SequenceNode:
		if i, err := strconv.Atoi(name); err == nil && i >= 0 && i < len(node.Content) {
			return node.Content[i], node.Content[i]
		}
	}
	return nil, nil
}

// split takes a path apart: a.b[0].c[d.e/f] is a, b, 0, c, d.e/f.
func split(path string) []string {
	var names []string
	for path != "" {
		if path[0] == '[' {
			if key, rest, found := strings.Cut(path, "]"); found {
				names, path = append(names, key[1:]), rest
				continue
			}
		}
		path = strings.TrimPrefix(path, ".")
		end := strings.IndexAny(path, ".[")
		switch {
		case end < 0:
			return append(names, path)
		case end == 0 && path[0] == '[' && !strings.Contains(path, "]"):
			return names // no path that anybody writes
		case end > 0:
			names = append(names, path[:end])
		}
		path = path[end:]
	}
	return names
}

var errMore = errors.New("something follows its first document that would not be read: begin each document with a " +
	"line of three dashes")

// Alone returns an error if data has more in it than one YAML document. YAML libraries read the first and are silent
// about what follows: behind a line of three dots, for one, or after a JSON value.
func Alone(data []byte) error {
	decoder := yaml.NewDecoder(bytes.NewReader(data))
	var node yaml.Node
	if err := decoder.Decode(&node); err != nil && !errors.Is(err, io.EOF) {
		return fmt.Errorf("it is not valid YAML: %w", err)
	}
	if err := decoder.Decode(&node); !errors.Is(err, io.EOF) {
		return errMore
	}
	return nil
}
