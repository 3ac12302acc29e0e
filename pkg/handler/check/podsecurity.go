// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package check

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/labels"
	psapi "k8s.io/pod-security-admission/api"
	"k8s.io/pod-security-admission/policy"

	"github.com/hookstrap/hookstrap/pkg/handler"
)

// PodSecurity holds Pods, and templates of Pods, to a level of the Pod Security Standards
// (https://kubernetes.io/docs/concepts/security/pod-security-standards/). What the levels mean is decided by
// Kubernetes' own library, the one behind its built-in PodSecurity admission. Make one with [NewPodSecurity].
type PodSecurity struct {
	level     psapi.LevelVersion
	rules     []podSecurityRule
	evaluator policy.Evaluator
	env       handler.Environment
}

// podSecurityRule is a PodSecurityRule ready for use.
type podSecurityRule struct {
	namespaces labels.Selector
	level      psapi.LevelVersion
}

var _ handler.Check = PodSecurity{}

// NewPodSecurity makes a check for a level, "privileged" (which allows everything), "baseline" or "restricted", in a
// version of the standards, such as "v1.30", or "latest" for the newest one this program knows.
func NewPodSecurity(level, version string) (PodSecurity, error) {
	parsed, err := parseLevel(level, version)
	if err != nil {
		return PodSecurity{}, err
	}
	evaluator, err := newEvaluator()
	if err != nil {
		return PodSecurity{}, fmt.Errorf("cannot set up the pod security standards: %w", err)
	}
	return PodSecurity{level: parsed, evaluator: evaluator}, nil
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

// Name returns "podSecurity".
func (PodSecurity) Name() string { return "podSecurity" }

// Evaluate returns a violation for each control of the standard that is broken, at the container that breaks it where
// that can be told, and at the Pod's spec otherwise.
func (c PodSecurity) Evaluate(ctx context.Context, req *handler.Request) ([]handler.Violation, error) {
	pod, ok, err := podOf(req)
	if err != nil || !ok {
		return nil, err
	}
	if c.level, err = c.levelFor(ctx, req.Namespace); err != nil {
		return nil, err
	}
	results := c.evaluate(pod)
	for _, r := range results {
		if r.Allowed {
			continue
		}
		if pod, err = withMounts(req, pod); err != nil {
			return nil, err
		}
		return c.locate(ctx, pod, results)
	}
	return nil, nil
}

// levelFor is the level of the first rule that is for the namespace.
func (c PodSecurity) levelFor(ctx context.Context, namespace string) (psapi.LevelVersion, error) {
	if len(c.rules) == 0 {
		return c.level, nil
	}
	found, err := namespaceLabels(ctx, c.env, namespace)
	if err != nil {
		return psapi.LevelVersion{}, err
	}
	for _, rule := range c.rules {
		if rule.namespaces.Matches(found) {
			return rule.level, nil
		}
	}
	return c.level, nil
}

// evaluate returns the results of all controls of the level, always in the same order.
func (c PodSecurity) evaluate(pod PodTemplate) []policy.CheckResult {
	return c.evaluator.EvaluatePod(c.level, pod.Metadata, pod.Spec)
}

// with is the same Pod with another specification.
func (t PodTemplate) with(spec *corev1.PodSpec) PodTemplate {
	t.Spec = spec
	return t
}
