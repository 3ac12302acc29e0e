// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

// Package patch makes JSON patches (RFC 6902) of two documents, and carries the change of a Go value over to the
// document that it was decoded from, which may have fields that the Go type does not know. It has no state of its own.
//
// Documents are what [Parse] or [Lazy] returns. Numbers keep their digits: the libraries for this that were looked at
// read them as float64, so that a change of a large one goes unnoticed.
package patch

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
)

// Parse reads a document: one value in JSON, and nothing behind it.
func Parse(data []byte) (any, error) {
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.UseNumber()
	var document any
	if err := decoder.Decode(&document); err != nil {
		return nil, fmt.Errorf("reading JSON: %w", err)
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("reading JSON: there is something behind the value")
	}
	return document, nil
}

// The operations of a [Change], in the words of RFC 6902.
const (
	Add     = "add"
	Remove  = "remove"
	Replace = "replace"
)

// Change is one operation of a patch.
type Change struct {
	// Op is Add, Remove or Replace.
	Op string
	// Pointer is where, as a JSON pointer (RFC 6901), and Field the same in the words of Kubernetes, such as
	// spec.containers[0].image.
	Pointer, Field string
	// From is what was there, nil if nothing; To is what is there then. They may be parts of the documents: read only.
	From, To any
}

// Diff returns the changes that make one document of another, in the order in which they are applied. Only what differs
// is in them. What has moved within a list is removed and added.
func Diff(from, to any) []Change {
	var d differ
	d.value(nil, from, to)
	return d.changes
}

// JSON makes a JSON patch of changes.
func JSON(changes []Change) ([]byte, error) {
	type operation struct {
		Op    string          `json:"op"`
		Path  string          `json:"path"`
		Value json.RawMessage `json:"value,omitempty"`
	}
	operations := make([]operation, 0, len(changes))
	for _, c := range changes {
		next := operation{Op: c.Op, Path: c.Pointer}
		if c.Op != Remove {
			value, err := json.Marshal(c.To)
			if err != nil {
				return nil, fmt.Errorf("encoding the value for %s: %w", c.Pointer, err)
			}
			next.Value = value
		}
		operations = append(operations, next)
	}
	return json.Marshal(operations)
}

type differ struct{ changes []Change }

func (d *differ) add(op string, at *path, from, to any) {
	d.changes = append(d.changes,
		Change{Op: op, Pointer: at.pointer(), Field: at.field(), From: whole(from), To: whole(to)})
}

func (d *differ) value(at *path, from, to any) {
	if !equal(from, to) {
		d.differing(at, from, to)
	}
}

func (d *differ) differing(at *path, from, to any) {
	switch to := open(to).(type) {
	case map[string]any:
		if from, ok := open(from).(map[string]any); ok {
			d.object(at, from, to)
			return
		}
	case []any:
		if from, ok := open(from).([]any); ok {
			d.list(at, from, to)
			return
		}
	}
	d.add(Replace, at, from, to)
}

func (d *differ) object(at *path, from, to map[string]any) {
	names := slices.Collect(maps.Keys(from))
	for name := range to {
		if _, ok := from[name]; !ok {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	for _, name := range names {
		before, was := from[name]
		after, is := to[name]
		if was && is && equal(before, after) { // as most are
			continue
		}
		below := &path{above: at, name: name}
		switch {
		case !is:
			d.add(Remove, below, before, nil)
		case !was:
			d.add(Add, below, nil, after)
		default:
			d.differing(below, before, after)
		}
	}
}

// list removes from the end what is not kept, adds from the beginning what is new, and then changes what is kept, at
// the place where it is by then.
func (d *differ) list(at *path, from, to []any) {
	origin := pair(from, to)
	kept := increasing(origin)
	stays := make([]bool, len(from))
	for _, i := range kept {
		stays[origin[i]] = true
	}
	for i, item := range slices.Backward(from) {
		if !stays[i] {
			d.add(Remove, &path{above: at, index: i, isItem: true}, item, nil)
		}
	}
	isKept := make([]bool, len(to))
	for _, i := range kept {
		isKept[i] = true
	}
	for i, item := range to {
		if !isKept[i] {
			d.add(Add, &path{above: at, index: i, isItem: true}, nil, item)
		}
	}
	for _, i := range kept {
		d.value(&path{above: at, index: i, isItem: true}, from[origin[i]], to[i])
	}
}
