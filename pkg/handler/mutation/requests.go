// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package mutation

import (
	"maps"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/hookstrap/hookstrap/pkg/handler"
)

// requests gives containers requests that they do not have.
type requests struct {
	// Requests are the requests by resource, which is cpu, memory or ephemeral-storage, as in "10m" or "64Mi".
	Requests map[string]string `json:"requests,omitempty"`
}

func defaultRequests() handler.Definition {
	const name = "defaultRequests"
	return handler.DefineMutation(name, handler.Doc{
		Summary: "A container that says nothing about a resource requests what the parameters say.",
		Why: "The scheduler takes a container without requests for one that needs nothing, and puts any number of them on " +
			"a node. A limit counts as a request, as it does for Kubernetes, and so does what is said for the Pod as a " +
			"whole. In Pods a LimitRange of the namespace comes first, but it gives nothing to templates: theirs get the " +
			"requests of the parameters, and so do their Pods. Exempt namespaces whose LimitRange gives other requests.",
		Parameters: "\nrequests: {cpu: 10m, memory: 64Mi}\n",
		Denied: `
apiVersion: v1
kind: Pod
metadata: {name: web}
spec:
  containers:
  - name: web
    image: ghcr.io/acme/web:v1
    resources:
      limits: {memory: 256Mi}
`,
		Admitted: `
apiVersion: v1
kind: Pod
metadata: {name: web}
spec:
  containers:
  - name: web
    image: ghcr.io/acme/web:v1
    resources:
      requests: {cpu: 10m}
      limits: {memory: 256Mi}
`,
	}, func() requests { return requests{} }, func(p requests, _ handler.Environment) (handler.Mutation, error) {
		quantities, _ := p.quantities(nil)
		return pods{name: name, change: quantities.change}, nil
	})
}

// Validate implements [handler.Validator].
func (p requests) Validate(path *field.Path) field.ErrorList {
	path = path.Child("requests")
	if len(p.Requests) == 0 {
		return field.ErrorList{field.Required(path, "name a resource and its request")}
	}
	_, errs := p.quantities(path)
	return errs
}

type quantities corev1.ResourceList

// quantities reads the parameters. Other resources than these are not among them, for their requests are their limits.
func (p requests) quantities(path *field.Path) (quantities, field.ErrorList) {
	known := []string{string(corev1.ResourceCPU), string(corev1.ResourceMemory), string(corev1.ResourceEphemeralStorage)}
	var errs field.ErrorList
	all := quantities{}
	for _, name := range slices.Sorted(maps.Keys(p.Requests)) {
		if !slices.Contains(known, name) {
			errs = append(errs, field.NotSupported(path, name, known))
		}
		quantity, err := resource.ParseQuantity(p.Requests[name])
		if err != nil || quantity.Sign() <= 0 {
			errs = append(errs, field.Invalid(path.Key(name), p.Requests[name], `must be a quantity, such as "10m" or "64Mi"`))
		} else if whole := resource.NewQuantity(quantity.Value(), quantity.Format); name != string(corev1.ResourceCPU) &&
			whole.Cmp(quantity) != 0 {
			errs = append(errs, field.Invalid(path.Key(name), p.Requests[name], "must be a whole number of bytes, below 8Ei"))
		}
		all[corev1.ResourceName(name)] = quantity
	}
	return all, errs
}

func (q quantities) change(spec *corev1.PodSpec) {
	for _, containers := range [][]corev1.Container{spec.InitContainers, spec.Containers} {
		for i := range containers {
			q.add(spec.Resources, &containers[i].Resources)
		}
	}
}

// add adds the requests that neither the Pod as a whole nor the container has.
func (q quantities) add(pod, container *corev1.ResourceRequirements) {
	for name, quantity := range q {
		if says(pod, name) || says(container, name) {
			continue
		}
		if container.Requests == nil {
			container.Requests = corev1.ResourceList{}
		}
		container.Requests[name] = quantity
	}
}

func says(r *corev1.ResourceRequirements, name corev1.ResourceName) bool {
	if r == nil {
		return false
	}
	_, requested := r.Requests[name]
	_, limited := r.Limits[name]
	return requested || limited
}
