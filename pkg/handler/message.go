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

// denialMessage says what is denied and why, on a line for each reason, for example:
//
//	Pod "web" in namespace "shop" denied by 2 checks: imageTag: spec.containers[0].image: …
//	requiredLabels: …
func denialMessage(req *Request, denials, failures []outcome) string {
	var parts []string
	for _, o := range denials {
		for _, text := range violationTexts(o.violations, maxViolations) {
			parts = append(parts, o.entry.name+": "+text)
		}
	}
	for _, o := range failures {
		parts = append(parts, failureText(o))
	}
	checks := "checks"
	if len(denials) == 1 {
		checks = "check"
	}
	return lines(fmt.Sprintf("%s denied by %d %s", subject(req), len(denials), checks), parts)
}

// lines puts each reason on a line, the first behind what they are about. The reasons are clean by themselves, so that
// no user can make up a line. Those that are too much are counted.
func lines(about string, reasons []string) string {
	var text strings.Builder
	text.WriteString(about + ": ")
	for i, reason := range reasons {
		if i > 0 {
			text.WriteString("\n")
		}
		if text.Len()+len(reason) > maxMessage {
			text.WriteString(more(len(reasons)-i, "reasons"))
			break
		}
		text.WriteString(reason)
	}
	return text.String()
}

// failureMessage says which checks could not tell.
func failureMessage(req *Request, failures []outcome) string {
	parts := make([]string, 0, len(failures))
	for _, o := range failures {
		parts = append(parts, failureText(o))
	}
	return lines(subject(req)+" not admitted", parts)
}

func failureText(o outcome) string {
	return clean(fmt.Sprintf("%s %q failed: %v", o.entry.kind, o.entry.name, o.err), maxViolation)
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
	return strings.Join(violationTexts(violations, limit), "; ")
}

// violationTexts are the texts of violations, up to a number of them.
func violationTexts(violations []Violation, limit int) []string {
	var parts []string
	for i, v := range violations {
		if i == limit {
			parts = append(parts, more(len(violations)-limit, "violations"))
			break
		}
		parts = append(parts, clean(violationText(v), maxViolation))
	}
	return parts
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
//
// What is too long loses its middle: the beginning says what it is about, and the end what to do.
func clean(text string, limit int) string {
	if most := 4 * utf8.UTFMax * limit; len(text) > 2*most { // The rest would be looked at for nothing.
		text = text[:most] + text[len(text)-most:]
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
	runes, head := []rune(text), limit/3
	return string(runes[:head]) + "…" + string(runes[len(runes)-(limit-1-head):])
}
