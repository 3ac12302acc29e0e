// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package check

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	psapi "k8s.io/pod-security-admission/api"
	"k8s.io/pod-security-admission/policy"
)

// control is a control of the Pod Security Standards, in the version that a level asks for.
type control struct {
	id    policy.CheckID
	check policy.CheckPodFn
}

// controlsOf returns the controls of a level. Which they are is known to the library's evaluator alone, which gives
// results without the controls' names: it is run once, with functions that note which control is asked.
func controlsOf(level psapi.LevelVersion) ([]control, error) {
	var controls []control
	checks := policy.DefaultChecks()
	for i := range checks {
		for j := range checks[i].Versions {
			version := &checks[i].Versions[j]
			asked := control{checks[i].ID, version.CheckPod}
			version.CheckPod = func(*metav1.ObjectMeta, *corev1.PodSpec) policy.CheckResult {
				controls = append(controls, asked)
				return policy.CheckResult{Allowed: true}
			}
		}
	}
	evaluator, err := newEvaluator(checks)
	if err != nil {
		return nil, fmt.Errorf("cannot set up the pod security standards: %w", err)
	}
	evaluator.EvaluatePod(level, nil, nil)
	return controls, nil
}

// resultsOf returns the results of controls for a Pod, in their order.
func resultsOf(controls []control, pod PodTemplate) []policy.CheckResult {
	results := make([]policy.CheckResult, 0, len(controls))
	for _, c := range controls {
		results = append(results, c.check(pod.Metadata, pod.Spec))
	}
	return results
}

// allows says whether a Pod that has nothing but these annotations and containers meets the control.
func (c control) allows(annotations map[string]string, containers ...corev1.Container) bool {
	return c.check(&metav1.ObjectMeta{Annotations: annotations}, &corev1.PodSpec{Containers: containers}).Allowed
}
