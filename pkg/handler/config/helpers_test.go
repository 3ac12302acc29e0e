// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package config

import (
	"context"
	"errors"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/hookstrap/hookstrap/pkg/handler"
)

// colors are the parameters of a check for tests.
type colors struct {
	// What objects must be painted with.
	Color string `json:"color"`
	Size  int    `json:"size,omitempty"`
	Rules []rule `json:"rules,omitempty"`
	Look  bool   `json:"look,omitempty"`
}

type rule struct {
	Key    string            `json:"key"`
	Values map[string]string `json:"values,omitempty"`
}

// Validate implements [handler.Validator].
func (c colors) Validate(path *field.Path) field.ErrorList {
	var errs field.ErrorList
	if known := []string{"red", "blue"}; !slices.Contains(known, c.Color) {
		errs = append(errs, field.NotSupported(path.Child("color"), c.Color, known))
	}
	if len(c.Rules) == 0 {
		errs = append(errs, field.Required(path.Child("rules"), "list a rule"))
	}
	for i, r := range c.Rules {
		if r.Key == "bad" {
			errs = append(errs, field.Invalid(path.Child("rules").Index(i).Child("key"), r.Key, "is bad"))
		}
	}
	return errs
}

// ReadsCluster implements [handler.Reader].
func (c colors) ReadsCluster() bool { return c.Look }

// painted is the check.
type painted struct {
	name string
	colors
	env handler.Environment
}

func (p painted) Name() string { return p.name }

func (p painted) Evaluate(context.Context, *handler.Request) ([]handler.Violation, error) {
	return []handler.Violation{{Message: "paint it " + p.Color}}, nil
}

func define(name string, mode handler.Mode, defaults colors) handler.Definition {
	return handler.Define(name, handler.Doc{}, func() colors {
		own := defaults
		own.Rules = slices.Clone(defaults.Rules)
		return own
	}, func(c colors, env handler.Environment) (handler.Check, error) {
		if c.Color == "blue" && c.Size == 13 {
			return nil, errors.New("no blue of size 13")
		}
		return painted{name, c, env}, nil
	}, &corev1.Namespace{}, &corev1.Service{}).WithDefaultMode(mode)
}

// definitions are two checks: one that is on by default, and one that is off and lacks what it needs.
func definitions() []handler.Definition {
	return []handler.Definition{
		define("paint", handler.Deny, colors{Color: "red", Rules: []rule{{Key: "default"}}}),
		define("extra", "", colors{Color: "red"}),
	}
}

const head = "apiVersion: hookstrap.dev/v1alpha1\nkind: CheckConfiguration\n"
