// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package command

import (
	"strings"

	"github.com/spf13/pflag"
)

// value is a flag whose text is parsed, and refused, while the command line is read: pflag's error then names the flag.
type value[T any] struct {
	target *T
	parse  func(string) (T, error)
	kind   string
	text   string
}

// newValue makes a flag out of a parser. text is the default as it is shown; kind names the value in the help.
func newValue[T any](target *T, kind, text string, parse func(string) (T, error)) *value[T] {
	return &value[T]{target: target, parse: parse, kind: kind, text: text}
}

var _ pflag.Value = &value[string]{}

// Set implements [pflag.Value].
func (v *value[T]) Set(text string) error {
	parsed, err := v.parse(text)
	if err != nil {
		return err
	}
	*v.target, v.text = parsed, text
	return nil
}

// String implements [pflag.Value].
func (v *value[T]) String() string { return v.text }

// Type implements [pflag.Value].
func (v *value[T]) Type() string { return v.kind }

// list is a flag that may be repeated, and whose values may also be separated by commas.
type list[T any] struct {
	target *[]T
	parse  func(string) (T, error)
	kind   string
	texts  []string
	// whole values may have commas of their own.
	whole bool
}

func newList[T any](target *[]T, kind string, parse func(string) (T, error)) *list[T] {
	return &list[T]{target: target, parse: parse, kind: kind}
}

// newArray is a list whose flag is repeated for every value.
func newArray[T any](target *[]T, kind string, parse func(string) (T, error)) *list[T] {
	return &list[T]{target: target, parse: parse, kind: kind, whole: true}
}

var _ pflag.Value = &list[string]{}

// Set implements [pflag.Value].
func (l *list[T]) Set(text string) error {
	if l.whole {
		return l.add(text)
	}
	for item := range strings.SplitSeq(text, ",") {
		if err := l.add(strings.TrimSpace(item)); err != nil {
			return err
		}
	}
	return nil
}

func (l *list[T]) add(item string) error {
	parsed, err := l.parse(item)
	if err != nil {
		return err
	}
	*l.target = append(*l.target, parsed)
	l.texts = append(l.texts, item)
	return nil
}

// String implements [pflag.Value].
func (l *list[T]) String() string { return strings.Join(l.texts, ",") }

// Type implements [pflag.Value].
func (l *list[T]) Type() string { return l.kind }
