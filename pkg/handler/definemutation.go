// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package handler

import (
	"fmt"

	"sigs.k8s.io/controller-runtime/pkg/client"
)

// DefineMutation is as [Define], for a mutation. In a configuration it stands below mutations, and is off unless that
// names it.
func DefineMutation[P any](
	name string, doc Doc, defaults func() P, build func(parameters P, env Environment) (Mutation, error),
	reads ...client.Object,
) Definition {
	return Definition{
		Name: name, Doc: doc, Reads: reads,
		parameters: func() any { p := defaults(); return &p },
		buildMutation: func(parameters any, env Environment) (Mutation, error) {
			return build(*parameters.(*P), env)
		},
	}
}

// IsMutation says whether it is mutations that are made.
func (d Definition) IsMutation() bool { return d.buildMutation != nil }

// Modes returns the modes that a configuration can give: those of checks, or those of mutations.
func (d Definition) Modes() []Mode {
	if d.IsMutation() {
		return MutationModes()
	}
	return Modes()
}

// NamedMode is the mode when a configuration names the check or mutation and no mode: DefaultMode, or if that is Off,
// Deny or Apply.
func (d Definition) NamedMode() Mode {
	if d.DefaultMode != "" && d.DefaultMode != Off {
		return d.DefaultMode
	}
	return d.Modes()[0]
}

// BuildMutation is as Build, for a definition of a mutation.
func (d Definition) BuildMutation(parameters any, env Environment) (Mutation, error) {
	if !d.IsMutation() {
		return nil, fmt.Errorf("check %q is no mutation: use Build", d.Name)
	}
	m, err := d.buildMutation(parameters, env)
	if err != nil {
		return nil, fmt.Errorf("mutation %q: %w", d.Name, err)
	}
	if m == nil {
		return nil, fmt.Errorf("mutation %q: its definition has built nothing: return a mutation or an error", d.Name)
	}
	if name := m.Name(); name != d.Name {
		return nil, fmt.Errorf("mutation %q: its definition has built one that is called %q: give both one name", d.Name,
			name)
	}
	return m, nil
}

// Entry makes an entry of the check, or mutation, of parameters that came from NewParameters.
func (d Definition) Entry(parameters any, env Environment) (entry Entry, err error) {
	if d.IsMutation() {
		entry.Mutation, err = d.BuildMutation(parameters, env)
	} else {
		entry.Check, err = d.Build(parameters, env)
	}
	return entry, err
}
