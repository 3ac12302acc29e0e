// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package check

import (
	"context"
	"fmt"

	"k8s.io/apimachinery/pkg/labels"
	psapi "k8s.io/pod-security-admission/api"

	"github.com/hookstrap/hookstrap/pkg/handler"
)

// podSecurityCheck holds Pods, and templates of Pods, to a level of the Pod Security Standards
// (https://kubernetes.io/docs/concepts/security/pod-security-standards/). What the levels mean is decided by
// Kubernetes' own library, the one behind its built-in PodSecurity admission. Make one with newPodSecurity.
type podSecurityCheck struct {
	controls []control
	rules    []podSecurityRule
	env      handler.Environment
}

// podSecurityRule is a PodSecurityRule ready for use.
type podSecurityRule struct {
	namespaces labels.Selector
	controls   []control
}

var _ handler.Check = podSecurityCheck{}

// newPodSecurity makes a check for a level, "privileged" (which allows everything), "baseline" or "restricted", in a
// version of the standards, such as "v1.30", or "latest" for the newest one this program knows.
func newPodSecurity(level, version string) (podSecurityCheck, error) {
	parsed, err := parseLevel(level, version)
	if err != nil {
		return podSecurityCheck{}, err
	}
	controls, err := controlsOf(parsed)
	return podSecurityCheck{controls: controls}, err
}

func parseLevel(level, version string) (psapi.LevelVersion, error) {
	l, err := psapi.ParseLevel(level)
	if err != nil {
		return psapi.LevelVersion{}, fmt.Errorf("pod security level %q: %w", level, err)
	}
	v, err := psapi.ParseVersion(version)
	if err != nil {
		return psapi.LevelVersion{}, fmt.Errorf("pod security version %q: %w", version, err)
	}
	return psapi.LevelVersion{Level: l, Version: v}, nil
}

// LooksAt implements [handler.Looker].
func (podSecurityCheck) LooksAt() []handler.Look { return podLooks() }

// Name returns "podSecurity".
func (podSecurityCheck) Name() string { return "podSecurity" }

// Evaluate returns a violation for each control of the standard that is broken, at the container that breaks it where
// that can be told, and at the Pod's spec otherwise.
func (c podSecurityCheck) Evaluate(ctx context.Context, req *handler.Request) ([]handler.Violation, error) {
	pod, ok, err := podOf(req)
	if err != nil || !ok {
		return nil, err
	}
	controls, err := c.controlsFor(ctx, req.Namespace)
	if err != nil {
		return nil, err
	}
	results := resultsOf(controls, pod)
	for _, r := range results {
		if r.Allowed {
			continue
		}
		if pod, err = withMounts(req, pod); err != nil {
			return nil, err
		}
		return locate(ctx, controls, pod, results)
	}
	return nil, nil
}

// controlsFor are the controls of the first rule that is for the namespace.
func (c podSecurityCheck) controlsFor(ctx context.Context, namespace string) ([]control, error) {
	if len(c.rules) == 0 {
		return c.controls, nil
	}
	found, err := namespaceLabels(ctx, c.env, namespace)
	if err != nil {
		return nil, err
	}
	for _, rule := range c.rules {
		if rule.namespaces.Matches(found) {
			return rule.controls, nil
		}
	}
	return c.controls, nil
}
