// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package handler

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// The limits of what is said, in characters or in pieces. Messages quote what the user sent, which may be megabytes.
const (
	maxWarning    = 120 // as Kubernetes advises; it cuts at 256, and drops all beyond 4096 characters in total
	maxWarnings   = 16
	maxViolation  = 1024
	maxViolations = 50 // of one check
	maxCauses     = 200
	maxMessage    = 256 << 10 // of all checks
)

// denialMessage says on one line what is denied and why, for example:
//
//	Pod "web" in namespace "shop" denied by 2 checks: imageTag: spec.containers[0].image: …; requiredLabels: …
func denialMessage(req *Request, denials, failures []outcome) string {
	parts := make([]string, 0, len(denials)+len(failures))
	for _, o := range denials {
		parts = append(parts, o.entry.name+": "+joinViolations(o.violations, maxViolations))
	}
	for _, o := range failures {
		parts = append(parts, failureText(o))
	}
	checks := "checks"
	if len(denials) == 1 {
		checks = "check"
	}
	text := fmt.Sprintf("%s denied by %d %s: %s", subject(req), len(denials), checks, strings.Join(parts, "; "))
	return clean(text, maxMessage)
}

// failureMessage says which checks could not tell.
func failureMessage(req *Request, failures []outcome) string {
	parts := make([]string, 0, len(failures))
	for _, o := range failures {
		parts = append(parts, failureText(o))
	}
	return clean(fmt.Sprintf("%s not admitted: %s", subject(req), strings.Join(parts, "; ")), maxMessage)
}

func failureText(o outcome) string {
	return clean(fmt.Sprintf("check %q failed: %v", o.entry.name, o.err), maxViolation)
}

// subject names the object as its user does. A Pod that a controller creates has no name yet.
func subject(req *Request) string {
	text := req.Kind.Kind
	if req.SubResource != "" {
		text += "/" + req.SubResource
	}
	switch name, prefix := names(req); {
	case name != "":
		text += fmt.Sprintf(" %q", name)
	case prefix != "":
		text += fmt.Sprintf(" with generateName %q", prefix)
	default:
		text = "unnamed " + text
	}
	if req.Namespace != "" {
		text += fmt.Sprintf(" in namespace %q", req.Namespace)
	}
	return clean(text, maxViolation)
}

// names returns the object's name and generateName, as far as they are known.
func names(req *Request) (name, prefix string) {
	if req.Name != "" {
		return req.Name, ""
	}
	obj, err := Metadata(req)
	if err != nil {
		return "", ""
	}
	return obj.Name, obj.GenerateName
}

// joinViolations puts violations on one line, up to a number of them.
func joinViolations(violations []Violation, limit int) string {
	var parts []string
	for i, v := range violations {
		if i == limit {
			parts = append(parts, more(len(violations)-limit, "violations"))
			break
		}
		parts = append(parts, clean(violationText(v), maxViolation))
	}
	return strings.Join(parts, "; ")
}

func more(n int, what string) string { return fmt.Sprintf("and %d more %s", n, what) }

func violationText(v Violation) string {
	if v.Field == "" {
		return v.Message
	}
	return v.Field + ": " + v.Message
}

// clean makes text fit for a warning header, a log line and a terminal: valid UTF-8 on one line without control
// characters, and of limited length. The API server drops warnings that are not so.
func clean(text string, limit int) string {
	if most := 4 * utf8.UTFMax * limit; len(text) > most { // The rest would be looked at for nothing.
		text = text[:most]
	}
	text = strings.Map(func(r rune) rune {
		if !unicode.IsGraphic(r) {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(text, "?"))
	if utf8.RuneCountInString(text) <= limit {
		return text
	}
	return string([]rune(text)[:limit-1]) + "…"
}
