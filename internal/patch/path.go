// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package patch

import (
	"strconv"
	"strings"
)

// path is where something is in a document; nil is the whole of it.
type path struct {
	above  *path
	name   string // of a member
	index  int    // of an item
	isItem bool
}

// pointer is the path as RFC 6901 has it.
func (p *path) pointer() string {
	if p == nil {
		return ""
	}
	if p.isItem {
		return p.above.pointer() + "/" + strconv.Itoa(p.index)
	}
	return p.above.pointer() + "/" + strings.ReplaceAll(strings.ReplaceAll(p.name, "~", "~0"), "/", "~1")
}

// field is the path as Kubernetes has it.
func (p *path) field() string {
	switch {
	case p == nil:
		return ""
	case p.isItem:
		return p.above.field() + "[" + strconv.Itoa(p.index) + "]"
	case !isWord(p.name):
		return p.above.field() + "[" + p.name + "]"
	case p.above == nil:
		return p.name
	}
	return p.above.field() + "." + p.name
}

func isWord(name string) bool {
	return name != "" && !strings.ContainsFunc(name, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9')
	})
}
