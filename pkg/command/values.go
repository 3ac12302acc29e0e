// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package command

import (
	"strings"

	"github.com/spf13/pflag"
)

// value is a flag whose text is parsed, and refused, while the command line is read: pflag's error then names the flag.
type value struct {
	kind, text string // text is the value as it is shown, at first the default
	set        func(text string) error
}

var _ pflag.Value = &value{}

// newValue makes a flag out of a parser. text is the default as it is shown; kind names the value in the help.
func newValue[T any](target *T, kind, text string, parse func(string) (T, error)) *value {
	v := &value{kind: kind, text: text}
	v.set = func(text string) error {
		parsed, err := parse(text)
		if err == nil {
			*target, v.text = parsed, text
		}
		return err
	}
	return v
}

// newArray makes a flag that is repeated for every value, which may have commas of its own.
func newArray[T any](target *[]T, kind string, parse func(string) (T, error)) *value {
	v, texts := &value{kind: kind}, []string(nil)
	v.set = func(text string) error {
		parsed, err := parse(text)
		if err == nil {
			*target, texts = append(*target, parsed), append(texts, text)
			v.text = strings.Join(texts, ",")
		}
		return err
	}
	return v
}

// newList makes a flag that may be repeated, and whose values may also be separated by commas.
func newList[T any](target *[]T, kind string, parse func(string) (T, error)) *value {
	v := newArray(target, kind, parse)
	one := v.set
	v.set = func(text string) error {
		for item := range strings.SplitSeq(text, ",") {
			if err := one(strings.TrimSpace(item)); err != nil {
				return err
			}
		}
		return nil
	}
	return v
}

// newDefaultedList is as newList, with values that parse takes; those that are given replace them.
func newDefaultedList[T any](target *[]T, kind string, defaults []string, parse func(string) (T, error)) *value {
	list := newList(target, kind, parse)
	if len(defaults) == 0 {
		return list
	}
	_ = list.Set(strings.Join(defaults, ",")) // They are valid.
	given, first := newList(target, kind, parse), true
	v := &value{kind: kind, text: list.text}
	v.set = func(text string) error {
		if first {
			*target, first = nil, false
		}
		err := given.Set(text)
		v.text = given.text
		return err
	}
	return v
}

// Set implements [pflag.Value].
func (v *value) Set(text string) error { return v.set(text) }

// String implements [pflag.Value].
func (v *value) String() string { return v.text }

// Type implements [pflag.Value].
func (v *value) Type() string { return v.kind }
