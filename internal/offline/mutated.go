// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package offline

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/hookstrap/hookstrap/pkg/handler"
)

// Mutated is an object that mutations change, and what.
type Mutated struct {
	File       string `json:"file"`
	Line       int    `json:"line"` // where the object begins, from 1
	APIVersion string `json:"apiVersion"`
	Kind       string `json:"kind"`
	Namespace  string `json:"namespace,omitempty"`
	Name       string `json:"name,omitempty"`
	// Mutations are their names, in the order in which they were asked.
	Mutations []string        `json:"mutations"`
	Changes   []MutatedFields `json:"changes"`
}

// MutatedFields is a change: what was in a field, and what is there then.
type MutatedFields struct {
	// Op is add, remove or replace.
	Op    string `json:"op"`
	Field string `json:"field"`
	From  any    `json:"from,omitempty"`
	To    any    `json:"to,omitempty"`
}

// mutate asks the mutations about the object that was begun last, and returns the request as they change it, and what
// they move.
func (r *Report) mutate(
	ctx context.Context, h *handler.Handler, o object, req *handler.Request, show bool,
) (*handler.Request, moves) {
	req, verdict := h.Mutate(ctx, req)
	moved := movesOf(verdict.Changes)
	r.add(o, verdict, moved)
	if show && len(verdict.Changes) > 0 {
		r.Mutated = append(r.Mutated, mutated(o, verdict))
	}
	return req, moved
}

// mutated is what mutations change in an object: of a Secret only where.
func mutated(o object, verdict handler.Verdict) Mutated {
	m := Mutated{
		File: o.file, Line: o.line, APIVersion: o.kind.GroupVersion().String(), Kind: o.kind.Kind, Namespace: o.namespace,
		Name: o.name, Mutations: verdict.ChangedBy,
	}
	isSecret := o.kind.Group == "" && o.kind.Kind == "Secret"
	for _, c := range verdict.Changes {
		change := MutatedFields{Op: c.Op, Field: c.Field}
		if !isSecret {
			change.From, change.To = c.From, c.To
		}
		m.Changes = append(m.Changes, change)
	}
	return m
}

// text is a line about the object, and lines with - and + about what was and what is in its fields.
func (m Mutated) text() string {
	var text strings.Builder
	subject := Finding{Kind: m.Kind, Namespace: m.Namespace, Name: m.Name}.subject()
	_, _ = fmt.Fprintf(&text, "%s:%d: changed: %s\n", Line(m.File), m.Line,
		Line(subject+strings.Join(m.Mutations, ", ")))
	for _, c := range m.Changes {
		if c.Op != "add" {
			_, _ = fmt.Fprintf(&text, "  - %s\n", Line(c.Field+valueText(c.From)))
		}
		if c.Op != "remove" {
			_, _ = fmt.Fprintf(&text, "  + %s\n", Line(c.Field+valueText(c.To)))
		}
	}
	return text.String()
}

func valueText(value any) string {
	text, err := json.Marshal(value)
	if value == nil || err != nil {
		return ""
	}
	return ": " + string(text)
}
