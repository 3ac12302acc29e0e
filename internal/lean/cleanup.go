// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package lean

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"hash"
	"slices"
	"strings"
)

const (
	// watched is how many levels have names that matter: request.oldObject.metadata.deletionTimestamp.
	watched = 4
	// objectLevel is the level of the members of an object.
	objectLevel = 3
	// longestName is longer than any name that matters.
	longestName = 256
)

// Cleanup finds out of a review, while that is written to it, whether its object was being deleted before and changes
// in nothing but its metadata and its status. It keeps none of the review, so that one of any size will do. The escape
// sequences that [Unescape] replaces are the same as their characters, since a part of a review may have been unescaped
// already; whatever else is written in two ways counts as a change. It is also false for what is unusual: names with
// escape sequences, or that occur twice.
type Cleanup struct {
	depth    int
	open     [watched + 1]byte   // the brackets around the position
	names    [watched + 1]string // the members that it is in
	name     []byte              // what is being read of a name
	inString bool
	isName   bool   // it is one, of a member at a level that matters
	escape   []byte // what has come of an escape sequence

	sum     hash.Hash         // of the object that it is in, without what may change; nil elsewhere
	buffer  *bufio.Writer     // before that
	counts  bool              // the member of that object that it is in must not change
	sums    map[string][]byte // of the objects that have ended
	seen    []string          // what may not occur twice
	deleted bool
	odd     bool
}

// Write reads more of the review. It never fails.
func (c *Cleanup) Write(data []byte) (int, error) {
	n := len(data)
	for len(data) > 0 {
		if plain := c.plain(data); plain > 0 {
			c.add(data[:plain])
			data = data[plain:]
			continue
		}
		if c.inString {
			c.text(data[:1])
		} else {
			c.mark(data[:1])
		}
		data = data[1:]
	}
	return n, nil
}

// plain is how much of a text is taken as it is: what comes before its end, and before an escape sequence that has
// another spelling, or may have.
func (c *Cleanup) plain(data []byte) int {
	if !c.inString || c.isName || len(c.escape) > 0 {
		return 0
	}
	i := 0
	for i < len(data) && data[i] != '"' {
		if data[i] != '\\' {
			i++
			continue
		}
		if len(data)-i < LongestEscape || escaped(data[i:]) != "" {
			return i
		}
		i += 2
	}
	return i
}

// Holds says whether all that was written is such a review.
func (c *Cleanup) Holds() bool {
	object := c.sums["object"]
	return c.depth == 0 && !c.odd && c.deleted && object != nil && bytes.Equal(object, c.sums["oldObject"])
}

// text is for a byte of a string.
func (c *Cleanup) text(one []byte) {
	switch b := one[0]; {
	case b == '\\' || len(c.escape) > 0:
		c.escape = append(c.escape, b)
		c.unescape()
	case b == '"':
		c.add(one)
		c.inString = false
		if c.isName {
			c.enter(string(c.name))
		}
	default:
		c.add(one)
		c.spell(one)
	}
}

// unescape takes in an escape sequence if all of it has come.
func (c *Cleanup) unescape() {
	e := c.escape
	if len(e) < 2 || e[1] == 'u' && len(e) < LongestEscape {
		return
	}
	c.escape = e[:0]
	c.spell(e)
	if char := escaped(e); char != "" {
		e = []byte(char)
	}
	c.add(e)
}

// spell adds to the name, if it is one that matters.
func (c *Cleanup) spell(part []byte) {
	if c.isName {
		c.name = append(c.name, part[:min(len(part), longestName-len(c.name))]...)
	}
}

// mark is for a byte that is not in a string.
func (c *Cleanup) mark(one []byte) {
	switch b := one[0]; b {
	case '"':
		c.inString, c.name = true, c.name[:0]
		c.deleted = c.deleted || !c.isName && c.depth == watched && c.names[watched] == "deletionTimestamp" &&
			c.path() == "request/oldObject/metadata/deletionTimestamp"
	case '{', '[':
		c.depth++
		c.begin(b)
	case '}', ']':
		c.end()
		c.depth--
		c.isName = false
	case ',':
		c.counts = c.counts && c.depth > objectLevel
		c.isName = c.depth > 0 && c.depth <= watched && c.open[c.depth] == '{'
	}
	c.add(one)
}

// begin is behind an opening bracket.
func (c *Cleanup) begin(bracket byte) {
	c.isName = bracket == '{' && c.depth <= watched
	if c.depth > watched {
		return
	}
	c.open[c.depth], c.names[c.depth] = bracket, ""
	path := c.path()
	isObject := path == "request/object/" || path == "request/oldObject/"
	if isObject && c.depth == objectLevel && bracket == '{' {
		c.sum = sha256.New()
		c.buffer = bufio.NewWriter(c.sum)
	}
}

// end is before a closing bracket.
func (c *Cleanup) end() {
	if c.depth != objectLevel || c.sum == nil {
		return
	}
	_ = c.buffer.Flush() // A hash never fails.
	if c.sums == nil {
		c.sums = map[string][]byte{}
	}
	c.sums[c.names[2]] = c.sum.Sum(nil)
	c.sum, c.counts = nil, false
}

// enter is behind the name of a member.
func (c *Cleanup) enter(name string) {
	c.isName = false
	c.names[c.depth] = name
	if c.depth <= objectLevel || c.names[objectLevel] == "metadata" {
		c.odd = c.odd || len(name) == longestName || strings.Contains(name, `\`)
	}
	c.odd = c.odd || c.occursTwice(name)
	if c.depth == objectLevel {
		c.counts = c.sum != nil && name != "metadata" && name != "status"
		if c.counts {
			c.add([]byte(`,"` + name + `"`)) // what is between members, so that it is clear where each ends
		}
	}
}

// occursTwice says whether the member is one that matters, and was there before.
func (c *Cleanup) occursTwice(name string) bool {
	switch name {
	case "request", "object", "oldObject", "metadata", "deletionTimestamp":
	default:
		return false
	}
	path := c.path()
	if !strings.HasPrefix("request/oldObject/metadata/deletionTimestamp", path) && path != "request/object" {
		return false
	}
	before := slices.Contains(c.seen, path)
	if !before {
		c.seen = append(c.seen, path)
	}
	return before
}

// path is the names of the members around the position, at the levels that matter; empty at others.
func (c *Cleanup) path() string {
	if c.depth > watched || c.depth == 0 {
		return ""
	}
	return strings.Join(c.names[1:c.depth+1], "/")
}

// add adds something to the sum, if it must not change.
func (c *Cleanup) add(data []byte) {
	if c.counts {
		_, _ = c.buffer.Write(data) // A hash never fails.
	}
}
