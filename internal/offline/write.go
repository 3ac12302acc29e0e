// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package offline

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"unicode"
)

// line is a finding in one line.
func (f Finding) line() string {
	how := map[Level]string{Denied: "denied", Warned: "warning", Audited: "audit"}[f.Level]
	if f.Unreadable {
		how = "unreadable"
	}
	check := f.Check
	if check != "" {
		check += ": "
	}
	return fmt.Sprintf("%s:%d: %s: %s", Line(f.File), f.Line, how, Line(f.subject()+check+f.Message))
}

// WriteText writes a line for each finding that is not known, with file and line in front as editors and CI systems
// find them, a line for each entry of the baseline that was not found any more, and one line that sums up.
func (r *Report) WriteText(w io.Writer) error {
	out := bufio.NewWriter(w)
	for _, f := range r.Findings {
		if !f.Known {
			_, _ = fmt.Fprintln(out, f.line())
		}
	}
	for _, e := range r.Gone {
		_, _ = fmt.Fprintf(out, "%s: not found any more: %s\n", Line(r.baseline), Line(e.String()))
	}
	for _, m := range r.Mutated {
		_, _ = fmt.Fprint(out, m.text())
	}
	_, _ = fmt.Fprintf(out, "%s in %s: %d denied, %s", count(r.Objects, "object"), count(r.Files, "file"), r.DeniedObjects,
		count(r.level(Warned), "warning"))
	if n := r.level(Audited); n > 0 {
		_, _ = fmt.Fprintf(out, ", %d for the audit log", n)
	}
	if r.Unreadable > 0 {
		_, _ = fmt.Fprintf(out, ", %d unreadable", r.Unreadable)
	}
	if r.Exempted > 0 {
		_, _ = fmt.Fprintf(out, ", %s", count(r.Exempted, "exemption"))
	}
	if r.Known > 0 {
		_, _ = fmt.Fprintf(out, ", %d known", r.Known)
	}
	if r.Unseen > 0 {
		_, _ = fmt.Fprintf(out, "; the objects of %s of the baseline were not read", count(r.Unseen, "entry", "entries"))
	}
	if r.NotAsked > 0 {
		_, _ = fmt.Fprintf(out, "; the server is not asked about %s", count(r.NotAsked, "object"))
	}
	if r.Skipped > 0 {
		_, _ = fmt.Fprintf(out, "; %s skipped: no objects of Kubernetes", count(r.Skipped, "document"))
	}
	if r.Excluded > 0 {
		_, _ = fmt.Fprintf(out, "; %s excluded", count(r.Excluded, "file or directory", "files or directories"))
	}
	_, _ = fmt.Fprintln(out)
	return out.Flush()
}

// Line keeps a text on its line: manifests must not write lines of their own, which CI systems take for commands, nor
// control a terminal.
func Line(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return ' '
	}, strings.ToValidUTF8(text, " "))
}

// count says how many there are. The plural has an s behind it unless it is given.
func count(n int, what string, plural ...string) string {
	switch {
	case n == 1:
		return "1 " + what
	case len(plural) > 0:
		return fmt.Sprintf("%d %s", n, plural[0])
	}
	return fmt.Sprintf("%d %ss", n, what)
}

func (r *Report) level(level Level) int {
	n := 0
	for _, f := range r.Findings {
		if f.Level == level && !f.Known {
			n++
		}
	}
	return n
}

// WriteJSON writes the report as it is.
func (r *Report) WriteJSON(w io.Writer) error { return indented(w, r) }

func indented(w io.Writer, value any) error {
	encoder := json.NewEncoder(w)
	encoder.SetIndent("", "  ")
	encoder.SetEscapeHTML(false)
	return encoder.Encode(value)
}

// subject names the object.
func (f Finding) subject() string {
	if f.Kind == "" {
		return ""
	}
	text := fmt.Sprintf("%s %q", f.Kind, f.Name)
	if f.Namespace != "" {
		text += fmt.Sprintf(" in namespace %q", f.Namespace)
	}
	return text + ": "
}

// countDenied counts each object once, and each document that is none.
func (r *Report) countDenied() {
	r.DeniedObjects = 0
	counted := map[int]bool{}
	for _, f := range r.Findings {
		if f.Level == Denied && !f.Known && !f.Unreadable && !counted[f.object] {
			r.DeniedObjects++
			counted[f.object] = f.object > 0
		}
	}
}
