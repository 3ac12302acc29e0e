// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package check

import (
	"context"
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/util/validation/field"
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
	evaluator, err := policy.NewEvaluator(policy.DefaultChecks(), nil)
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
		return c.locate(pod, results), nil
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

// locate turns the results for a Pod into violations. The library says which controls are broken, but not by which
// field. So the Pod is looked at again without its containers, which finds what is wrong with the Pod itself, and then
// with each of its containers alone. This is done only for Pods that have something wrong with them.
func (c PodSecurity) locate(pod PodTemplate, whole []policy.CheckResult) []handler.Violation {
	bare := *pod.Spec
	bare.InitContainers, bare.Containers, bare.EphemeralContainers = nil, nil, nil
	places := []place{{path: pod.Path, pod: pod, parts: pod.unsaidParts(), results: c.evaluate(pod.with(&bare))}}
	for _, container := range containersOf(pod) {
		spec := bare
		container.alone(&spec)
		places = append(places, place{
			path: container.path, pod: pod, container: &container,
			parts:   append(seLinuxParts(container.security().SELinuxOptions), container.imagePart()),
			results: c.evaluate(pod.with(&spec)),
		})
	}
	var violations []handler.Violation
	for i, result := range whole {
		if !result.Allowed {
			violations = append(violations, locateOne(places, i, result)...)
		}
	}
	return violations
}

// place is a part of a Pod with the results for that part alone; the first of places is the Pod without containers.
type place struct {
	path      *field.Path
	pod       PodTemplate
	container *podContainer // nil for the Pod
	parts     []string      // of all violations that are here
	results   []policy.CheckResult
}

// locateOne finds the places which break control i. What is wrong with the bare Pod is wrong with each container as
// well, and is said only once. A control that only all parts together break is reported at the Pod.
func locateOne(places []place, i int, whole policy.CheckResult) []handler.Violation {
	pod := places[0]
	var violations []handler.Violation
	for n, p := range places {
		if r := p.results[i]; !r.Allowed && (n == 0 || r != pod.results[i]) {
			violations = append(violations, p.violation(r))
		}
	}
	if len(violations) == 0 {
		violations = append(violations, pod.violation(whole))
	}
	return violations
}

// violation is the same one after an update only if the images are the same, too, and what the message leaves out: that
// a privileged container was let in does not mean that it may run something else, or mount something else.
func (p place) violation(r policy.CheckResult) handler.Violation {
	v := handler.Violationf(p.path, "%s", r.ForbiddenReason)
	if r.ForbiddenDetail != "" {
		v.Message += " (" + r.ForbiddenDetail + ")"
	}
	v.Identity, v.Parts = p.control(r), slices.Concat(p.parts, p.values(r))
	return v
}

// with is the same Pod with another specification.
func (t PodTemplate) with(spec *corev1.PodSpec) PodTemplate {
	t.Spec = spec
	return t
}
