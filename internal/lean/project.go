// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package lean

import (
	"bytes"
	"slices"
)

// projection is what a shape asks for of some bytes.
type projection struct {
	data []byte
	out  []byte // JSON again
	cuts []Piece

	depth int // of objects and lists that have a shape
}

// project passes over data, and is false for what is no JSON.
func project(data []byte, shape Shape) (projection, bool) {
	p := projection{data: data, out: make([]byte, 0, min(len(data), usualPart))}
	end := p.value(shape, 0)
	return p, end != bad && space(data, end) == len(data)
}

// Piece is a member that was cut out.
type Piece struct {
	Name []byte
	Object
}

// value appends what the shape asks for of the value at data[i], and returns the position after the value.
func (p *projection) value(s Shape, i int) int {
	i = space(p.data, i)
	if s != nil && i < len(p.data) {
		switch p.data[i] {
		case '{':
			return p.object(s, i)
		case '[':
			return p.list(s, i)
		}
	}
	end := skip(p.data, i)
	if end != bad {
		p.out = append(p.out, p.data[i:end]...)
	}
	return end
}

func (p *projection) object(s Shape, i int) int {
	p.out = append(p.out, '{')
	i, more := enter(p.data, i, &p.depth, maxDepth)
	for empty := len(p.out); more; i, more = advance(p.data, i, '}') {
		begin := space(p.data, i)
		end := skipString(p.data, begin)
		value := skipColon(p.data, end)
		if value == bad {
			return bad
		}
		name := p.data[begin+1 : end-1]
		verdict, of := s.find(name)
		if verdict == Read {
			if len(p.out) > empty {
				p.out = append(p.out, ',')
			}
			p.out = append(p.out, p.data[begin:value]...)
			i = p.value(of, value)
			continue
		}
		if verdict == Cut {
			i = p.cut(name, of, value)
		} else {
			i = skip(p.data, value)
		}
	}
	return p.leave(i, '}')
}

// cut cuts out the value at data[i], and returns the position after it. There is no telling what to cut when something
// occurs twice. Nothing is set aside for the second then: there may be as many of them as a body has room for.
func (p *projection) cut(name []byte, s Shape, i int) int {
	if p.has(name) {
		return bad
	}
	i = space(p.data, i)
	piece := Piece{Name: name}
	slim := projection{data: p.data, depth: p.depth}
	var end int
	if s == nil {
		end = skip(p.data, i)
	} else {
		slim.out = make([]byte, 0, min(len(p.data)-i, usualSlim))
		end = slim.value(s, i)
	}
	piece.slim = slim.out
	if end != bad {
		if p.cuts == nil {
			p.cuts = make([]Piece, 0, usualCuts)
		}
		piece.Raw = p.data[i:end:end]
		p.cuts = append(p.cuts, piece)
	}
	return end
}

// has says whether a member of that name was cut out already.
func (p *projection) has(name []byte) bool {
	return slices.ContainsFunc(p.cuts, func(piece Piece) bool { return bytes.Equal(piece.Name, name) })
}

// find asks the shape. A name with an escape sequence may be any: it is read, so that the decoder finds out.
func (s Shape) find(name []byte) (Verdict, Shape) {
	if bytes.IndexByte(name, '\\') >= 0 {
		return Read, nil
	}
	return s(name)
}

// list reads of each object of a list what the shape asks for. A list in a list is nothing that has a shape.
func (p *projection) list(s Shape, i int) int {
	p.out = append(p.out, '[')
	i, more := enter(p.data, i, &p.depth, maxDepth)
	for more {
		if i = space(p.data, i); i < len(p.data) && p.data[i] == '{' {
			i = p.object(s, i)
		} else {
			i = p.value(nil, i)
		}
		if i, more = advance(p.data, i, ']'); more {
			p.out = append(p.out, ',')
		}
	}
	return p.leave(i, ']')
}

// enter goes behind an opening bracket, to one more level. It is false, and the position that of the closing one, if
// nothing is between; and false with bad at too deep a level, as shapes and types may go round in a circle.
func enter(data []byte, i int, depth *int, most int) (int, bool) {
	if *depth++; *depth > most {
		return bad, false
	}
	next := space(data, i+1)
	return next, next >= len(data) || data[next] != data[i]+2 // '{'+2 is '}', and '['+2 is ']'
}

// advance goes behind the comma after a value, or to the closing bracket, and is false then. It takes bad for a
// position.
func advance(data []byte, i int, closing byte) (int, bool) {
	if i == bad {
		return bad, false
	}
	if i = space(data, i); i >= len(data) {
		return bad, false
	}
	switch data[i] {
	case ',':
		return i + 1, true
	case closing:
		return i, false
	}
	return bad, false
}

// leave goes behind the closing bracket at data[i]. It takes bad for a position.
func (p *projection) leave(i int, closing byte) int {
	if i == bad {
		return bad
	}
	p.depth--
	p.out = append(p.out, closing)
	return i + 1
}
