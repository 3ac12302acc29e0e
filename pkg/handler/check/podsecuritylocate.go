// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package check

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/pod-security-admission/policy"

	"github.com/hookstrap/hookstrap/pkg/handler"
)

// maxLocated is how many containers, or volumes, at fault are told apart. An answer shows no more of a check.
const maxLocated = 50

// place is a part of a Pod with the results for that part alone; the first of places is the Pod without containers.
type place struct {
	path      *field.Path
	pod       PodTemplate
	container *podContainer // nil for the Pod
	rest      string        // the digest of the containers that are not told apart, if it is they
	parts     []string      // of all violations that are here
	results   []policy.CheckResult
	inherited []policy.CheckResult // those without the container; nil for the Pod
}

// breaks says whether it is here that a control is broken. What is wrong with the Pod is said there.
func (p place) breaks(i int) bool {
	r := p.results[i]
	return !r.Allowed && (p.inherited == nil || r != p.inherited[i])
}

// locate turns the results for a Pod into violations. The library says which controls are broken, but not by which
// field. So the Pod is looked at again without its containers, which finds what is wrong with the Pod itself, and then
// each of its containers with no more of the Pod than it inherits: with all of it, the cost would grow with the square
// of the Pod's size. This is done only for Pods that have something wrong with them.
func locate(
	ctx context.Context, controls []control, pod PodTemplate, whole []policy.CheckResult,
) ([]handler.Violation, error) {
	bare := *pod.Spec
	bare.InitContainers, bare.Containers, bare.EphemeralContainers = nil, nil, nil
	places := []place{{path: pod.Path, pod: pod, parts: pod.dangerParts(), results: resultsOf(controls, pod.with(&bare))}}
	inherited := resultsOf(controls, pod.inherited(nil))
	containers := containersOf(pod)
	for i := range containers {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if len(places) > maxLocated {
			places = append(places, rest(controls, pod, containers[i:], inherited))
			break
		}
		here := place{
			path: containers[i].path(), pod: pod, container: &containers[i], inherited: inherited,
			results: resultsOf(controls, pod.inherited(containers[i:i+1])),
		}
		if here.breaksAny() {
			options := containers[i].security().SELinuxOptions
			here.parts = append(seLinuxParts(options), containers[i].imagePart())
			places = append(places, here)
		}
	}
	var violations []handler.Violation
	for i, result := range whole {
		if !result.Allowed {
			violations = append(violations, locateOne(places, i, controls[i], result)...)
		}
	}
	return violations, nil
}

func (p place) breaksAny() bool {
	for i := range p.results {
		if p.breaks(i) {
			return true
		}
	}
	return false
}

// rest are all the containers behind the last one that is told apart, as one place at the Pod. No exemption by image
// takes a violation at the Pod away, and none of these is carried over by an update unless all that is left of these
// containers is as it was: they were not compared one by one.
func rest(controls []control, pod PodTemplate, containers []podContainer, inherited []policy.CheckResult) place {
	alone := pod.inherited(containers)
	text, err := json.Marshal(struct {
		Annotations map[string]string
		Spec        *corev1.PodSpec
	}{alone.Metadata.Annotations, alone.Spec})
	if err != nil {
		panic(fmt.Sprintf("encoding containers: %v", err)) // not for what was decoded
	}
	return place{
		path: pod.Path, pod: pod, rest: digest(string(text)), inherited: inherited, results: resultsOf(controls, alone),
	}
}

// inherited is a Pod of these containers, with what they inherit of this one: not its volumes, sysctls, SELinux options
// and annotations, but for their own.
func (t PodTemplate) inherited(containers []podContainer) PodTemplate {
	spec := *t.Spec
	spec.InitContainers, spec.Containers, spec.EphemeralContainers, spec.Volumes = nil, nil, nil, nil
	if spec.SecurityContext != nil {
		security := *spec.SecurityContext
		security.Sysctls, security.SELinuxOptions = nil, nil
		spec.SecurityContext = &security
	}
	var annotations map[string]string
	for _, c := range containers {
		c.addTo(&spec)
		if len(t.Metadata.Annotations) == 0 {
			continue
		}
		key := seccompOfContainer + c.Name
		if value, ok := t.Metadata.Annotations[key]; ok {
			if annotations == nil {
				annotations = map[string]string{}
			}
			annotations[key] = value
		}
	}
	t.Metadata = &metav1.ObjectMeta{Annotations: annotations}
	return t.with(&spec)
}

// locateOne finds the places which break a control, the i-th. A control that only all parts together break is reported
// at the Pod.
func locateOne(places []place, i int, c control, whole policy.CheckResult) []handler.Violation {
	var violations []handler.Violation
	for _, p := range places {
		if p.breaks(i) {
			violations = append(violations, p.violation(c, p.results[i]))
		}
	}
	if len(violations) == 0 {
		violations = append(violations, places[0].violation(c, whole))
	}
	return violations
}

// violation is the same one after an update only if the images are the same, too, and what the message leaves out: that
// a privileged container was let in does not mean that it may run something else, or mount something else.
func (p place) violation(c control, r policy.CheckResult) handler.Violation {
	v := handler.Violationf(p.path, "%s", r.ForbiddenReason)
	if r.ForbiddenDetail != "" {
		v.Message += " (" + r.ForbiddenDetail + ")"
	}
	switch c.id {
	case "allowPrivilegeEscalation", "capabilities_restricted", "seccompProfile_baseline", "seccompProfile_restricted":
		// They are not asked of Windows.
		v.Message += p.pod.meantForWindows()
	}
	v.Identity = p.identity(c)
	if p.rest == "" {
		v.Parts = slices.Concat(p.parts, p.values(c, r), p.debugParts(c))
	}
	return v
}
