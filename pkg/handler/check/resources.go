// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package check

import (
	"context"
	"maps"
	"slices"
	"sync"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/hookstrap/hookstrap/pkg/handler"
)

// resourcesCheck denies containers that do not say what they need, or want too much. Ephemeral containers cannot say
// it, and are left alone. An update that takes a part away of what is too much passes, even if too much is left, and so
// does one that adds to what is too little.
type resourcesCheck struct {
	// RequireRequests are the resources that have to be requested, by the container or for the Pod as a whole. A limit
	// without a request counts as both, as it does for Kubernetes.
	RequireRequests []string `json:"requireRequests"`
	// RequireLimits are the resources that have to be limited, for the container or for the Pod as a whole.
	RequireLimits []string `json:"requireLimits"`
	// Max is the most of a resource that may be requested, or be a limit: a quantity in quotes, as in "2" or "4Gi".
	Max map[string]string `json:"max,omitempty"`
	// MinRequests is the least of a resource that may be requested, by a container or for the Pod as a whole, if any is.
	MinRequests map[string]string `json:"minRequests,omitempty"`
	// MaxLimitRequestRatio is by how much a limit may exceed its request, as in 4, or 1 for not at all.
	MaxLimitRequestRatio map[string]float64 `json:"maxLimitRequestRatio,omitempty"`
	// ReadLimitRanges looks up what a LimitRange of the namespace gives to containers that lack something: their Pods have
	// it, but templates do not.
	ReadLimitRanges bool `json:"readLimitRanges,omitempty"`
}

func resourcesDefinition() handler.Definition {
	return handler.Define("resources", handler.Doc{
		Summary: "Containers request resources and limit them, within bounds.",
		Why: "The scheduler packs nodes by what is requested: who requests nothing is put where there is no room, and is " +
			"the first to be evicted. Memory without a limit takes other Pods of the node down.",
	}, func() resourcesCheck {
		return resourcesCheck{RequireRequests: []string{"cpu", "memory"}, RequireLimits: []string{"memory"}}
	}, func(p resourcesCheck, env handler.Environment) (handler.Check, error) {
		return ruleFunc{"resources", func(ctx context.Context, req *handler.Request) ([]handler.Violation, error) {
			return p.evaluate(ctx, req, env)
		}}, nil
	}, limitRanges())
}

// ReadsCluster implements [handler.Reader].
func (p resourcesCheck) ReadsCluster() bool { return p.ReadLimitRanges }

// Validate implements [handler.Validator].
func (p resourcesCheck) Validate(path *field.Path) field.ErrorList {
	var errs field.ErrorList
	check := func(at *field.Path, name string) {
		for _, problem := range validation.IsQualifiedName(name) {
			errs = append(errs, field.Invalid(at, name, problem))
		}
	}
	for i, name := range p.RequireRequests {
		check(path.Child("requireRequests").Index(i), name)
	}
	for i, name := range p.RequireLimits {
		check(path.Child("requireLimits").Index(i), name)
	}
	for _, name := range slices.Sorted(maps.Keys(p.Max)) {
		at := path.Child("max").Key(name)
		check(at, name)
		if q, err := resource.ParseQuantity(p.Max[name]); err != nil || q.Sign() < 0 {
			errs = append(errs, field.Invalid(at, p.Max[name], noQuantity))
		}
	}
	errs = append(errs, p.validateMinRequests(path.Child("minRequests"), check)...)
	for _, name := range slices.Sorted(maps.Keys(p.MaxLimitRequestRatio)) {
		at := path.Child("maxLimitRequestRatio").Key(name)
		check(at, name)
		if ratio := p.MaxLimitRequestRatio[name]; ratio < 1 {
			errs = append(errs, field.Invalid(at, ratio, "must be 1 or more: no limit can be below its request"))
		}
	}
	return errs
}

const noQuantity = `must be a quantity, such as "2" or "4Gi"`

func (p resourcesCheck) validateMinRequests(path *field.Path, check func(*field.Path, string)) field.ErrorList {
	var errs field.ErrorList
	for _, name := range slices.Sorted(maps.Keys(p.MinRequests)) {
		at, text := path.Key(name), p.MinRequests[name]
		check(at, name)
		least, err := resource.ParseQuantity(text)
		most, maxErr := resource.ParseQuantity(p.Max[name])
		switch {
		case err != nil || least.Sign() <= 0:
			errs = append(errs, field.Invalid(at, text, noQuantity))
		case maxErr == nil && least.Cmp(most) > 0:
			errs = append(errs, field.Invalid(at, text, "is more than max allows, so that no request is right"))
		}
	}
	return errs
}

func (p resourcesCheck) evaluate(
	ctx context.Context, req *handler.Request, env handler.Environment,
) ([]handler.Violation, error) {
	pod, ok, err := resourcesOf(req)
	if err != nil || !ok {
		return nil, err
	}
	var defaults corev1.ResourceRequirements
	if p.ReadLimitRanges {
		if defaults, err = defaultsIn(ctx, env, req.Namespace); err != nil {
			return nil, err
		}
	}
	return p.violations(ctx, pod, defaults, func() excesses { return p.before(req) }), ctx.Err()
}

// violations asks what was too much before only if there is something that is too much.
func (p resourcesCheck) violations(
	ctx context.Context, pod PodTemplate, defaults corev1.ResourceRequirements, before func() excesses,
) []handler.Violation {
	before = sync.OnceValue(before)
	whole := resourcesOfPod(pod).full
	var violations []handler.Violation
	for _, over := range p.excessOfPod(pod) {
		if !before().isLessOfPod(over, pod) {
			violations = append(violations, handler.Violationf(over.path, "the Pod: %s", over.text))
		}
	}
	for _, c := range heeded(ctx, containersOf(pod)) {
		if c.sort == ephemeral {
			continue
		}
		path := c.path().Child("resources")
		is := c.Resources
		if p.ReadLimitRanges {
			is = withDefaults(is, defaults)
		}
		for _, fault := range p.missing(is, whole, path) {
			violations = append(violations, c.faultf(fault.path, "%s", fault.text))
		}
		for _, over := range p.excess(is, path) {
			if !before().isLessOf(over, c) {
				violations = append(violations, c.faultf(over.path, "%s", over.text))
			}
		}
	}
	return violations
}

// resourceFault is what is wrong with resources, and where.
type resourceFault struct {
	path *field.Path
	text string
}

// missing says what is not said.
func (p resourcesCheck) missing(own, whole corev1.ResourceRequirements, path *field.Path) []resourceFault {
	var faults []resourceFault
	for _, name := range p.RequireRequests {
		if !requests(own, name) && !requests(whole, name) {
			faults = append(faults, resourceFault{path.Child("requests").Key(name), "requests no " + name + "; say how much"})
		}
	}
	for _, name := range p.RequireLimits {
		if !has(own.Limits, name) && !has(whole.Limits, name) {
			faults = append(faults, resourceFault{path.Child("limits").Key(name), "has no limit on " + name + "; set one"})
		}
	}
	return faults
}

// requests says whether something is requested. Without a request, the API server takes the limit for it.
func requests(is corev1.ResourceRequirements, name string) bool {
	if _, ok := is.Requests[corev1.ResourceName(name)]; ok {
		return has(is.Requests, name)
	}
	return has(is.Limits, name)
}

// has says whether there is more than nothing of a resource: a limit of 0 is no limit, and a request of 0 reserves
// nothing.
func has(list corev1.ResourceList, name string) bool {
	q, ok := list[corev1.ResourceName(name)]
	return ok && q.Sign() > 0
}
