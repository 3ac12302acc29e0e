// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package doctor

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"time"
)

// Changes are what differs between two reports.
type Changes struct {
	Time time.Time `json:"time"`
	// New are findings of an object, or of one of its entries, that did not have them before; Gone are those that have
	// them no more.
	New  []Finding `json:"new,omitempty"`
	Gone []Finding `json:"gone,omitempty"`
	// Unread is what could be read before and cannot be now; Read could not.
	Unread []Unread `json:"unread,omitempty"`
	Read   []Unread `json:"read,omitempty"`
}

// Since compares a report with an earlier one. A finding counts as the same if its identifier, object and entry are,
// whatever else its message says: numbers of days and names of Pods change all the time.
func (r *Report) Since(earlier *Report, now time.Time) *Changes {
	c := &Changes{Time: now, New: without(r.Findings, earlier.Findings), Gone: without(earlier.Findings, r.Findings)}
	c.Unread, c.Read = unreadWithout(r.Unread, earlier.Unread), unreadWithout(earlier.Unread, r.Unread)
	return c
}

// Empty says that nothing has changed.
func (c *Changes) Empty() bool { return len(c.New)+len(c.Gone)+len(c.Unread)+len(c.Read) == 0 }

// without are the findings of which an entry does not have them in others.
func without(findings, others []Finding) []Finding {
	type key struct {
		id      string
		object  Object
		webhook string
	}
	keys := func(f *Finding) []key {
		all := []key{}
		for _, webhook := range f.Webhooks {
			all = append(all, key{f.ID, f.Object, webhook})
		}
		if len(all) == 0 {
			all = append(all, key{f.ID, f.Object, ""})
		}
		return all
	}
	known := map[key]bool{}
	for i := range others {
		for _, k := range keys(&others[i]) {
			known[k] = true
		}
	}
	var left []Finding
	for i := range findings {
		for _, k := range keys(&findings[i]) {
			if !known[k] {
				left = append(left, findings[i])
				break
			}
		}
	}
	return left
}

func unreadWithout(all, others []Unread) []Unread {
	type key struct{ resource, namespace string }
	known := map[key]bool{}
	for _, u := range others {
		known[key{u.Resource, u.Namespace}] = true
	}
	var left []Unread
	for _, u := range all {
		if !known[key{u.Resource, u.Namespace}] {
			left = append(left, u)
		}
	}
	return left
}

// WriteText writes the changes below the time.
func (c *Changes) WriteText(w io.Writer, color bool) error {
	out := bufio.NewWriter(w)
	at := c.Time.Format(time.RFC3339)
	for i := range c.New {
		f := &c.New[i]
		_, _ = fmt.Fprintf(out, "%s new: %s\n", at, line(f.Object.String()))
		f.write(out, color)
	}
	for i := range c.Gone {
		f := &c.Gone[i]
		_, _ = fmt.Fprintf(out, "%s gone: %s: %s%s\n", at, line(f.Object.String()), f.ID, line(f.webhooks()))
	}
	for _, u := range c.Unread {
		_, _ = fmt.Fprintf(out, "%s not judged: %s\n", at, line(u.Reason))
	}
	for _, u := range c.Read {
		_, _ = fmt.Fprintf(out, "%s judged again: %s\n", at, line(u.Resource+" "+u.Namespace))
	}
	return out.Flush()
}

// WriteJSON writes the changes as one line of JSON.
func (c *Changes) WriteJSON(w io.Writer) error {
	encoder := json.NewEncoder(w)
	encoder.SetEscapeHTML(false)
	return encoder.Encode(c)
}
