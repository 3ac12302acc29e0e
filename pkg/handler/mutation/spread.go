// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package mutation

import (
	"context"
	"slices"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/hookstrap/hookstrap/pkg/handler"
)

// spread spreads the Pods of workloads over the nodes.
type spread struct {
	// TopologyKeys are the labels of nodes over whose values the Pods are spread.
	TopologyKeys []string `json:"topologyKeys"`
	// MaxSkew is by how many Pods one value may have more than another.
	MaxSkew int32 `json:"maxSkew"`
	// WhenUnsatisfiable is what becomes of a Pod for which there is no such node: ScheduleAnyway or DoNotSchedule.
	WhenUnsatisfiable string `json:"whenUnsatisfiable"`
}

func defaultTopologySpread() handler.Definition {
	const name = "defaultTopologySpread"
	return handler.DefineMutation(name, handler.Doc{
		Summary: "Pods of Deployments, ReplicaSets and StatefulSets that say nothing about it are spread over nodes and " +
			"zones.",
		Why: "Replicas on one node fail with it, all at once. The template gets topologySpreadConstraints that select " +
			"what the workload selects. Workloads with such constraints or with podAntiAffinity stay as they are.",
		Denied: `
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers:
      - name: web
        image: ghcr.io/acme/web:v1
`,
		Admitted: `
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers:
      - name: web
        image: ghcr.io/acme/web:v1
      topologySpreadConstraints:
      - maxSkew: 1
        topologyKey: kubernetes.io/hostname
        whenUnsatisfiable: ScheduleAnyway
        labelSelector: {matchLabels: {app: web}}
        matchLabelKeys: [pod-template-hash]
      - maxSkew: 1
        topologyKey: topology.kubernetes.io/zone
        whenUnsatisfiable: ScheduleAnyway
        labelSelector: {matchLabels: {app: web}}
        matchLabelKeys: [pod-template-hash]
`,
	}, func() spread {
		return spread{MaxSkew: 1, WhenUnsatisfiable: string(corev1.ScheduleAnyway),
			TopologyKeys: []string{corev1.LabelHostname, corev1.LabelTopologyZone}}
	}, func(p spread, _ handler.Environment) (handler.Mutation, error) { return spreading{name, p}, nil })
}

// Values implements [handler.Enumerator].
func (spread) Values() map[string][]string {
	return map[string][]string{
		"whenUnsatisfiable": {string(corev1.ScheduleAnyway), string(corev1.DoNotSchedule)},
	}
}

// Validate implements [handler.Validator].
func (p spread) Validate(path *field.Path) field.ErrorList {
	var errs field.ErrorList
	keys := path.Child("topologyKeys")
	if len(p.TopologyKeys) == 0 {
		errs = append(errs, field.Required(keys, "name a label of nodes"))
	}
	for i, key := range p.TopologyKeys {
		for _, problem := range validation.IsQualifiedName(key) {
			errs = append(errs, field.Invalid(keys.Index(i), key, problem))
		}
		if slices.Contains(p.TopologyKeys[:i], key) {
			errs = append(errs, field.Duplicate(keys.Index(i), key))
		}
	}
	if p.MaxSkew < 1 {
		errs = append(errs, field.Invalid(path.Child("maxSkew"), p.MaxSkew, "must be 1 or more"))
	}
	if known := p.Values()["whenUnsatisfiable"]; !slices.Contains(known, p.WhenUnsatisfiable) {
		errs = append(errs, field.NotSupported(path.Child("whenUnsatisfiable"), p.WhenUnsatisfiable, known))
	}
	return errs
}

// spreading is the mutation.
type spreading struct {
	name string
	spread
}

// Name implements [handler.Mutation].
func (m spreading) Name() string { return m.name }

// LooksAt implements [handler.Looker].
func (spreading) LooksAt() []handler.Look {
	return []handler.Look{
		{Kind: appsv1.SchemeGroupVersion.WithKind("Deployment")}, {Kind: appsv1.SchemeGroupVersion.WithKind("StatefulSet")},
	}
}

// Mutate implements [handler.Mutation].
func (m spreading) Mutate(_ context.Context, req *handler.Request) ([]byte, error) {
	kind := schema.GroupVersionKind(req.Kind)
	known := []string{"Deployment", "ReplicaSet", "StatefulSet"}
	switch {
	case kind.Group != appsv1.GroupName || !slices.Contains(known, kind.Kind):
		return nil, nil
	case kind.Version != "v1":
		return nil, handler.VersionError(kind, "v1")
	case kind.Kind == "Deployment": // Pods of the old template, which go, are not counted during a rollout.
		return handler.Edit(req, func(o *appsv1.Deployment) error {
			m.change(o.Spec.Selector, &o.Spec.Template.Spec, appsv1.DefaultDeploymentUniqueLabelKey)
			return nil
		})
	case kind.Kind == "StatefulSet":
		return handler.Edit(req, func(o *appsv1.StatefulSet) error {
			m.change(o.Spec.Selector, &o.Spec.Template.Spec)
			return nil
		})
	}
	return handler.Edit(req, func(o *appsv1.ReplicaSet) error {
		if template := templateOfReplicaSet(o); template != nil {
			m.change(o.Spec.Selector, &template.Spec)
		}
		return nil
	})
}

// change spreads the Pods that a workload selects, those with the same values of the labels alone.
func (m spreading) change(selector *metav1.LabelSelector, spec *corev1.PodSpec, labels ...string) {
	if selector == nil || !hasContainers(spec) || len(spec.TopologySpreadConstraints) > 0 ||
		spec.Affinity != nil && spec.Affinity.PodAntiAffinity != nil {
		return
	}
	if selects(selector, labels) {
		labels = nil
	}
	for _, key := range m.TopologyKeys {
		spec.TopologySpreadConstraints = append(spec.TopologySpreadConstraints, corev1.TopologySpreadConstraint{
			MaxSkew: m.MaxSkew, TopologyKey: key, LabelSelector: selector, MatchLabelKeys: labels,
			WhenUnsatisfiable: corev1.UnsatisfiableConstraintAction(m.WhenUnsatisfiable),
		})
	}
}

// selects says whether a selector names one of the labels: an API server refuses a Pod in which matchLabelKeys does
// too.
func selects(selector *metav1.LabelSelector, labels []string) bool {
	return slices.ContainsFunc(labels, func(label string) bool {
		_, has := selector.MatchLabels[label]
		return has || slices.ContainsFunc(selector.MatchExpressions, func(r metav1.LabelSelectorRequirement) bool {
			return r.Key == label
		})
	})
}
