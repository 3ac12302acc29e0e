// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package auditreport

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"github.com/hookstrap/hookstrap/internal/offline"
	"github.com/hookstrap/hookstrap/pkg/handler/config"
)

// WriteText writes a line for each owner with findings, below it a line for each finding, and one line that sums up.
func (r *Report) WriteText(w io.Writer) error {
	out := bufio.NewWriter(w)
	for _, owner := range r.Owners {
		_, _ = fmt.Fprintf(out, "%s\n", offline.Line(owner.title()))
		for _, f := range owner.Findings {
			_, _ = fmt.Fprintf(out, "  %s\n", offline.Line(f.text(owner)))
		}
	}
	for _, what := range r.Unjudged {
		_, _ = fmt.Fprintf(out, "not judged: %s\n", offline.Line(what))
	}
	_, _ = fmt.Fprintf(out, "%s judged: something of %s is denied, %s", count(r.Objects, "object"),
		count(r.DeniedOwners, "owner"), count(r.level(offline.Warned), "warning"))
	if n := r.level(offline.Audited); n > 0 {
		_, _ = fmt.Fprintf(out, ", %d for the audit log", n)
	}
	if r.Exempted > 0 {
		_, _ = fmt.Fprintf(out, ", %s", count(r.Exempted, "exemption"))
	}
	if r.NotAsked > 0 {
		_, _ = fmt.Fprintf(out, "; the server is not asked about %s", count(r.NotAsked, "object"))
	}
	if r.Finished > 0 {
		_, _ = fmt.Fprintf(out, "; %s ended and will not start again", count(r.Finished, "object"))
	}
	_, _ = fmt.Fprintln(out)
	return out.Flush()
}

// title names an owner, with its namespace in front.
func (o Object) title() string {
	if o.Namespace == "" {
		return fmt.Sprintf("%s %q", o.Kind, o.Name)
	}
	return fmt.Sprintf("%s: %s %q", o.Namespace, o.Kind, o.Name)
}

func (f Finding) text(owner Owner) string {
	word := map[offline.Level]string{offline.Denied: "denied", offline.Warned: "warning", offline.Audited: "audit"}
	text := word[f.Level] + ": "
	if f.Object != owner.Object {
		text += fmt.Sprintf("%s %q", f.Object.Kind, f.Object.Name)
		if f.Objects > 1 {
			text += fmt.Sprintf(" and %d more", f.Objects-1)
		}
		text += ": "
	}
	text += f.Check + ": " + f.Message + ": " + f.Next
	if f.Webhook != "" {
		text += " (" + f.Webhook + ")"
	}
	return text
}

func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

func (r *Report) level(level offline.Level) int {
	n := 0
	for _, owner := range r.Owners {
		for _, f := range owner.Findings {
			if f.Level == level {
				n++
			}
		}
	}
	return n
}

// WriteJSON writes the report as it is.
func (r *Report) WriteJSON(w io.Writer) error {
	encoder := json.NewEncoder(w)
	encoder.SetIndent("", "  ")
	encoder.SetEscapeHTML(false)
	return encoder.Encode(r)
}

// WriteSARIF writes the report for code-scanning services. The place of a finding is a path that an object of a cluster
// does not have: the namespace, the kind and the name.
func (r *Report) WriteSARIF(w io.Writer, tool offline.Tool, c config.Configuration) error {
	tool.Directory = ""
	all := &offline.Report{}
	for _, owner := range r.Owners {
		for _, f := range owner.Findings {
			all.Findings = append(all.Findings, offline.Finding{
				File: f.Object.path(), Line: 1, Level: f.Level, APIVersion: f.Object.APIVersion, Kind: f.Object.Kind,
				Namespace: f.Object.Namespace, Name: f.Object.Name, Check: f.Check, Mode: f.Mode, Field: f.Field,
				Message: f.Message + ": " + f.Next,
			})
		}
	}
	return all.WriteSARIF(w, tool, c)
}

func (o Object) path() string {
	parts := []string{o.Namespace, o.Kind, o.Name}
	if o.Namespace == "" {
		parts = parts[1:]
	}
	return strings.Join(parts, "/")
}
