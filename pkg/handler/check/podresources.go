// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package check

import (
	"maps"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
)

// podResources are the resources of a Pod as a whole. With a limit of the Pod, the API server writes requests into a
// Pod, the sums of its containers' own, but into no template. So that a template and its Pods get the same verdict,
// they are taken to be there in both, and are not held against the bounds of what somebody wrote.
type podResources struct {
	// written are without requests that are such sums.
	written corev1.ResourceRequirements
	// full are with them.
	full corev1.ResourceRequirements
}

func resourcesOfPod(pod PodTemplate) podResources {
	is := pod.Spec.Resources
	switch {
	case is == nil:
		return podResources{}
	case len(is.Limits) == 0:
		return podResources{*is, *is}
	}
	written, full := *is, *is
	written.Requests, full.Requests = maps.Clone(is.Requests), maps.Clone(is.Requests)
	for _, name := range []corev1.ResourceName{corev1.ResourceCPU, corev1.ResourceMemory} {
		sum := requestedBy(pod, name)
		if sum.IsZero() {
			continue
		}
		if own, ok := full.Requests[name]; ok && own.Cmp(sum) == 0 {
			delete(written.Requests, name)
		} else if !ok {
			if full.Requests == nil {
				full.Requests = corev1.ResourceList{}
			}
			full.Requests[name] = sum
		}
	}
	return podResources{written, full}
}

// requestedBy is what the containers of a Pod request together: those that run at the same time, or one of the init
// containers that run alone, with the sidecars before it.
func requestedBy(pod PodTemplate, name corev1.ResourceName) resource.Quantity {
	of := func(c *corev1.Container) resource.Quantity {
		if q, ok := c.Resources.Requests[name]; ok {
			return q
		}
		return c.Resources.Limits[name] // as the API server takes a limit for a request
	}
	var sum, sidecars, first resource.Quantity
	for i := range pod.Spec.Containers {
		sum.Add(of(&pod.Spec.Containers[i]))
	}
	for i := range pod.Spec.InitContainers {
		c := &pod.Spec.InitContainers[i]
		now := sidecars.DeepCopy()
		now.Add(of(c))
		if c.RestartPolicy != nil && *c.RestartPolicy == corev1.ContainerRestartPolicyAlways {
			sidecars = now
		}
		if now.Cmp(first) > 0 {
			first = now
		}
	}
	if sum.Add(sidecars); sum.Cmp(first) < 0 {
		return first
	}
	return sum
}

// requested is without limits: one of the Pod is no request if its containers have requests.
func requested(is corev1.ResourceRequirements) corev1.ResourceRequirements {
	return corev1.ResourceRequirements{Requests: is.Requests}
}

// excessOfPod says what is too much, or too little, of the Pod as a whole.
func (p resourcesCheck) excessOfPod(pod PodTemplate) []excess {
	whole, path := resourcesOfPod(pod), pod.Path.Child("resources")
	return slices.Concat(p.tooMuch(whole.written, path), p.tooLittle(requested(whole.written), path),
		p.tooFarApart(whole.full, path))
}
