// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package config

import (
	"fmt"

	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/hookstrap/hookstrap/pkg/handler"
	"github.com/hookstrap/hookstrap/pkg/handler/check"
)

// Build makes the built-in checks of a configuration, for handler.New or Handler.SetChecks. Checks that are off are
// among them, and are not run. The error has everything that is wrong with a configuration that was not loaded but
// made by a program.
func Build(c Configuration) ([]handler.Entry, error) {
	if err := c.Validate(); err != nil {
		return nil, fmt.Errorf("the check configuration is not valid: %w", err)
	}
	security, err := check.NewPodSecurity(c.Checks.PodSecurity.Level, c.Checks.PodSecurity.Version)
	if err != nil {
		return nil, err
	}
	labels, err := c.Checks.RequiredLabels.build()
	if err != nil {
		return nil, err
	}
	image := c.Checks.ImageTag
	return []handler.Entry{
		{Check: security, Mode: c.Checks.PodSecurity.Mode, ExemptNamespaces: c.Checks.PodSecurity.ExemptNamespaces},
		{
			Check: check.ImageTag{RequireDigest: image.RequireDigest, AllowLatest: image.AllowLatest},
			Mode:  image.Mode, ExemptNamespaces: image.ExemptNamespaces,
		},
		{Check: labels, Mode: c.Checks.RequiredLabels.Mode, ExemptNamespaces: c.Checks.RequiredLabels.ExemptNamespaces},
	}, nil
}

func (c RequiredLabels) build() (check.RequiredLabels, error) {
	rules := make([]check.LabelRule, 0, len(c.Labels))
	for _, l := range c.Labels {
		rules = append(rules, check.LabelRule{Key: l.Key, Pattern: l.Pattern})
	}
	resources := make([]schema.GroupResource, 0, len(c.Resources))
	for _, r := range c.Resources {
		resources = append(resources, schema.ParseGroupResource(r))
	}
	return check.NewRequiredLabels(rules, resources...)
}
