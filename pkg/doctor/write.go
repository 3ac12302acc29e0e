// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package doctor

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"
	"unicode"
)

// WriteText writes a tree: an object, its findings, and of each why it matters and how to fix it. With color,
// severities have the colors of a terminal.
func (r *Report) WriteText(w io.Writer, color bool) error {
	out := bufio.NewWriter(w)
	last := Object{}
	for i := range r.Findings {
		f := &r.Findings[i]
		if f.Object != last {
			_, _ = fmt.Fprintf(out, "%s\n", line(f.Object.String()))
			last = f.Object
		}
		f.write(out, color)
	}
	for i := range r.Answers {
		r.Answers[i].write(out)
	}
	for _, u := range r.Unread {
		_, _ = fmt.Fprintf(out, "not judged: %s\n", line(u.Reason))
	}
	_, _ = fmt.Fprintf(out, "%s of %s: %s, %s, %d for your information; %s made\n", count(r.Entries, "entry", "entries"),
		count(r.Objects, "object", "objects"), count(r.Count(Error), "error", "errors"),
		count(r.Count(Warning), "warning", "warnings"), r.Count(Info), count(r.Handshakes, "handshake", "handshakes"))
	return out.Flush()
}

// write writes a finding below its object.
func (f *Finding) write(out io.Writer, color bool) {
	_, _ = fmt.Fprintf(out, "  %s %s%s: %s\n", painted(f.Severity, color), f.ID, line(f.webhooks()), line(f.Message))
	_, _ = fmt.Fprintf(out, "      why: %s\n      fix: %s\n", line(f.Why), line(f.Fix))
}

// write writes what the API server says of an entry.
func (a *Answer) write(out io.Writer) {
	of := &Entry{Object: a.Object, Webhook: a.Webhook}
	if a.Probe != "" {
		_, _ = fmt.Fprintf(out, "probe of %s: %s\n", line(of.words()), line(a.Probe))
	}
	if c := a.Count; c != nil {
		_, _ = fmt.Fprintf(out, "the API server's count for %s: %s, %s on average, %d failed, %d passed without it, %d "+
			"refused "+
			"by it\n", line(of.words()), count(int(c.Calls), "call", "calls"), c.mean().Round(time.Millisecond), c.Failed,
			c.FailedOpen, c.Refused)
	}
}

// WriteJSON writes the report as it is.
func (r *Report) WriteJSON(w io.Writer) error {
	encoder := json.NewEncoder(w)
	encoder.SetIndent("", "  ")
	encoder.SetEscapeHTML(false)
	return encoder.Encode(r)
}

// webhooks names the entries of a finding, three at most.
func (f *Finding) webhooks() string {
	const most = 3
	switch n := len(f.Webhooks); {
	case n == 0:
		return ""
	case n <= most:
		return " (" + strings.Join(f.Webhooks, ", ") + ")"
	default:
		return fmt.Sprintf(" (%s and %d more)", strings.Join(f.Webhooks[:most], ", "), n-most)
	}
}

// painted is a severity of a fixed width.
func painted(s Severity, color bool) string {
	text := fmt.Sprintf("%-7s", s)
	if !color {
		return text
	}
	code := map[Severity]string{Error: "31", Warning: "33", Info: "36"}[s]
	return "\x1b[" + code + "m" + text + "\x1b[0m"
}

func count(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}

// line is text without what could be taken for another line or move the cursor of a terminal: names and messages are
// other people's.
func line(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || !unicode.IsPrint(r) && r != ' ' {
			return ' '
		}
		return r
	}, text)
}
