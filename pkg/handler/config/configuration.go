// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package config

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"k8s.io/apimachinery/pkg/util/validation/field"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/hookstrap/hookstrap/internal/view"
	"github.com/hookstrap/hookstrap/pkg/handler"
)

// What a configuration file calls itself.
const (
	APIVersion = "hookstrap.dev/v1alpha1"
	Kind       = "CheckConfiguration"
)

// Configuration says how checks are used. It is not changed once it is made, and may be shared.
type Configuration struct {
	// Checks are all that are defined, mutations among them, in the order of their definitions.
	Checks []Check
	// PodTemplates are where kinds that are not Kubernetes' own have templates of Pods, for all checks of Pods.
	PodTemplates []handler.PodTemplate
	// Warnings are what is read and should be written otherwise, in the order of the lines. Each is a sentence that begins
	// with its line.
	Warnings []string
}

// Check is one check, or mutation, and how it is used.
type Check struct {
	Definition    handler.Definition
	Mode          handler.Mode
	FailurePolicy handler.FailurePolicy
	Exempt        handler.Exemptions
	// Parameters are a pointer that came from Definition.NewParameters.
	Parameters any
}

// section is where the file has it.
func (c Check) section() string {
	if c.Definition.IsMutation() {
		return "mutations"
	}
	return "checks"
}

// Policy is what tells what a check of the configuration finds from what it would find with other parameters,
// exemptions or templates of Pods: a short digest of them. The mode and the failure policy are no part of it.
func (c Configuration) Policy(check Check) string {
	data, err := json.Marshal(struct {
		Name         string
		Exempt       handler.Exemptions
		Parameters   any
		PodTemplates []handler.PodTemplate `json:",omitempty"`
	}{check.Definition.Name, check.Exempt, check.Parameters, c.PodTemplates})
	if err != nil { // Of values that cannot be written as JSON, their Go syntax says as much.
		data = fmt.Appendf(nil, "%s %#v %q", check.Definition.Name, check.Parameters, c.PodTemplates)
	}
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:6])
}

// Default is the configuration that holds without a file.
func Default(definitions []handler.Definition) Configuration {
	c := Configuration{Checks: make([]Check, 0, len(definitions))}
	for _, d := range definitions {
		c.Checks = append(c.Checks, Check{
			Definition: d, Mode: cmp.Or(d.DefaultMode, handler.Off), FailurePolicy: handler.Fail,
			Parameters: d.NewParameters(),
		})
	}
	return c
}

// Check returns the check of that name, nil if none is defined.
func (c Configuration) Check(name string) *Check {
	for i := range c.Checks {
		if c.Checks[i].Definition.Name == name {
			return &c.Checks[i]
		}
	}
	return nil
}

// Validate returns everything that is wrong with the values, each with the path of its field.
func (c Configuration) Validate() error { return c.validate().ToAggregate() }

func (c Configuration) validate() field.ErrorList {
	var errs field.ErrorList
	for i, template := range c.PodTemplates {
		errs = append(errs, template.Validate(field.NewPath("podTemplates").Index(i))...)
	}
	for _, check := range c.Checks {
		errs = append(errs, check.validate()...)
	}
	return errs
}

func (c Check) validate() field.ErrorList {
	path := field.NewPath(c.section(), c.Definition.Name)
	var errs field.ErrorList
	if modes := c.Definition.Modes(); !slices.Contains(modes, c.Mode) {
		errs = append(errs, field.NotSupported(path.Child("mode"), c.Mode, modes))
	}
	if c.Definition.IsMutation() && len(c.Exempt.Images) > 0 {
		errs = append(errs, field.Forbidden(path.Child("exempt", "images"), "a mutation changes objects as a whole"))
	}
	if !slices.Contains(handler.FailurePolicies(), c.FailurePolicy) {
		errs = append(errs, field.NotSupported(path.Child("failurePolicy"), c.FailurePolicy, handler.FailurePolicies()))
	}
	errs = append(errs, c.Exempt.Validate(path.Child("exempt"))...)
	for _, err := range c.Definition.Validate(path, c.Parameters) {
		// What a check needs it does not need while it is off.
		if c.Mode != handler.Off || err.Type != field.ErrorTypeRequired {
			errs = append(errs, err)
		}
	}
	return errs
}

// Reads returns an empty object, or a view, of each type that has to be in the cache of the cluster before the checks
// are asked. A list of RBAC rules follows from it: get, list and watch, for each. Checks that are off read nothing.
func (c Configuration) Reads() []client.Object {
	var reads []client.Object
	add := func(obj client.Object) {
		same := func(known client.Object) bool { return view.Same(known, obj) }
		if !slices.ContainsFunc(reads, same) {
			reads = append(reads, obj)
		}
	}
	for _, check := range c.Checks {
		if check.Mode == handler.Off {
			continue
		}
		if check.Exempt.NamespaceSelector != nil {
			add(handler.NamespaceLabels())
		}
		for _, obj := range check.Definition.ReadsFor(check.Parameters) {
			add(obj)
		}
	}
	return reads
}

// Build makes the entries of a configuration, for handler.New or Handler.SetChecks; checks that are off are left out.
// The error has everything that is wrong with a configuration that was not loaded but made by a program.
func (c Configuration) Build(env handler.Environment) ([]handler.Entry, error) {
	if err := c.Validate(); err != nil {
		return nil, fmt.Errorf("the check configuration is not valid: %w", err)
	}
	var errs []error
	var entries []handler.Entry
	for _, check := range c.Checks {
		if check.Mode == handler.Off {
			continue
		}
		entry, err := check.Definition.Entry(check.Parameters, env)
		errs = append(errs, err)
		entry.Mode, entry.FailurePolicy, entry.Exempt = check.Mode, check.FailurePolicy, check.Exempt
		entry.Cluster, entry.PodTemplates = env.Cluster, c.PodTemplates
		if check.Mode == handler.DenyWhenClean && env.Clean != nil {
			name, policy := check.Definition.Name, c.Policy(check)
			entry.Clean = func(namespace string) bool { return env.Clean.Clean(name, policy, namespace) }
		}
		entries = append(entries, entry)
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	return entries, nil
}
