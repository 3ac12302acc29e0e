// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package check

import (
	"context"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/hookstrap/hookstrap/pkg/handler"
)

// topologySpread denies Deployments, StatefulSets, ReplicaSets and ReplicationControllers with several replicas whose
// Pods nothing keeps apart. Both wishes and demands count. What selects other Pods does not, nor does a spread over
// another topology.
type topologySpread struct {
	// MinReplicas is from how many replicas on the Pods are to be spread.
	MinReplicas int32 `json:"minReplicas"`
	// CountAutoscalers takes minReplicas of a HorizontalPodAutoscaler for the number of what it scales, where fewer are
	// written down.
	CountAutoscalers bool `json:"countAutoscalers"`
	// TopologyKeys are labels of nodes, over one of which the Pods are to be spread, such as kubernetes.io/hostname or
	// topology.kubernetes.io/zone. Without any, any will do.
	TopologyKeys []string `json:"topologyKeys,omitempty"`
	// AllowAntiAffinity accepts podAntiAffinity in place of topologySpreadConstraints.
	AllowAntiAffinity bool `json:"allowAntiAffinity"`
}

func topologySpreadDefinition() handler.Definition {
	return handler.Define("topologySpread", handler.Doc{
		Summary: "The Pods of workloads with several replicas are spread over nodes or zones.",
		Why: "Replicas on one node fail with it, all at once. The scheduler spreads Pods by itself only as far as its " +
			"other rules let it, and not again after an outage.",
	}, func() topologySpread {
		return topologySpread{MinReplicas: 2, CountAutoscalers: true, AllowAntiAffinity: true}
	}, func(p topologySpread, env handler.Environment) (handler.Check, error) {
		return ruleFunc{"topologySpread", func(ctx context.Context, req *handler.Request) ([]handler.Violation, error) {
			return p.evaluate(ctx, req, env)
		}}, nil
	}, autoscalers())
}

// ReadsCluster implements [handler.Reader].
func (p topologySpread) ReadsCluster() bool { return p.CountAutoscalers && p.MinReplicas > 1 }

// Validate implements [handler.Validator].
func (p topologySpread) Validate(path *field.Path) field.ErrorList {
	errs := positive(path.Child("minReplicas"), p.MinReplicas)
	for i, key := range p.TopologyKeys {
		for _, problem := range validation.IsQualifiedName(key) {
			errs = append(errs, field.Invalid(path.Child("topologyKeys").Index(i), key, problem))
		}
	}
	return errs
}

func (p topologySpread) evaluate(
	ctx context.Context, req *handler.Request, env handler.Environment,
) ([]handler.Violation, error) {
	n, ok, err := manyReplicas{p.MinReplicas, p.ReadsCluster(), env}.of(ctx, req)
	if err != nil || !ok {
		return nil, err
	}
	pod, ok, err := partOf[spread](req, newObject)
	if err != nil || !ok || p.isSpread(ctx, req.Namespace, pod) {
		return nil, err
	}
	advice := "topologySpreadConstraints"
	if p.AllowAntiAffinity {
		advice += " or podAntiAffinity"
	}
	over := ""
	if len(p.TopologyKeys) > 0 {
		over = " over " + strings.Join(p.TopologyKeys, " or ")
	}
	return []handler.Violation{lackf("%d replicas, and nothing spreads their Pods%s; add %s that select them", n, over,
		advice)}, ctx.Err()
}

func (p topologySpread) isSpread(ctx context.Context, namespace string, pod PodTemplate) bool {
	for _, constraint := range heeded(ctx, pod.Spec.TopologySpreadConstraints) {
		if p.counts(pod, constraint.TopologyKey, constraint.LabelSelector) {
			return true
		}
	}
	if !p.AllowAntiAffinity || pod.Spec.Affinity == nil || pod.Spec.Affinity.PodAntiAffinity == nil {
		return false
	}
	apart := pod.Spec.Affinity.PodAntiAffinity
	for _, term := range heeded(ctx, apart.RequiredDuringSchedulingIgnoredDuringExecution) {
		if p.countsTerm(namespace, pod, term) {
			return true
		}
	}
	for _, wish := range heeded(ctx, apart.PreferredDuringSchedulingIgnoredDuringExecution) {
		if p.countsTerm(namespace, pod, wish.PodAffinityTerm) {
			return true
		}
	}
	return false
}

// countsTerm leaves out terms that are about other namespaces, or about other values of a label that the Pods have.
func (p topologySpread) countsTerm(namespace string, pod PodTemplate, term corev1.PodAffinityTerm) bool {
	differs := func(key string) bool { _, ok := pod.Metadata.Labels[key]; return ok }
	return isAbout(term, namespace) && !slices.ContainsFunc(term.MismatchLabelKeys, differs) &&
		p.counts(pod, term.TopologyKey, term.LabelSelector)
}

// isAbout says whether a term is about Pods of a namespace, which is their own if the term names none. Of the labels of
// the namespace, only that with its name is known.
func isAbout(term corev1.PodAffinityTerm, namespace string) bool {
	if len(term.Namespaces) == 0 && term.NamespaceSelector == nil || slices.Contains(term.Namespaces, namespace) {
		return true
	}
	selects, err := metav1.LabelSelectorAsSelector(term.NamespaceSelector) // without one, it selects nothing
	return err == nil && selects.Matches(labels.Set{corev1.LabelMetadataName: namespace})
}

// counts says whether a topology is one that is asked for, and a selector selects the Pods themselves. No selector
// selects nothing.
func (p topologySpread) counts(pod PodTemplate, key string, selector *metav1.LabelSelector) bool {
	if len(p.TopologyKeys) > 0 && !slices.Contains(p.TopologyKeys, key) {
		return false
	}
	selects, err := metav1.LabelSelectorAsSelector(selector)
	return err == nil && selects.Matches(labels.Set(pod.Metadata.Labels))
}
