// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package check

import (
	"context"

	policyv1 "k8s.io/api/policy/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/hookstrap/hookstrap/pkg/handler"
)

// podDisruptionBudgets denies budgets which no eviction can pass.
type podDisruptionBudgets struct {
	// CountReplicas also compares minAvailable with the replicas of the Deployments, StatefulSets, ReplicaSets and
	// ReplicationControllers whose Pods the budget selects. Of those that a HorizontalPodAutoscaler scales, minReplicas
	// count: the budget has to let a Pod go when there are no more. And denies a budget for Pods that another one selects
	// already: the API server evicts no Pod that has two.
	CountReplicas bool `json:"countReplicas"`
}

func podDisruptionBudgetsDefinition() handler.Definition {
	return handler.Define("podDisruptionBudgets", handler.Doc{
		Summary: "No PodDisruptionBudget blocks every eviction.",
		Why: "A budget that never has a Pod to spare stops nodes from being drained: an upgrade of the cluster waits for " +
			"somebody to come and delete it. So does a second budget for the same Pods, however much it would allow.",
	}, func() podDisruptionBudgets { return podDisruptionBudgets{CountReplicas: true} },
		func(p podDisruptionBudgets, env handler.Environment) (handler.Check, error) {
			return ruleFunc{"podDisruptionBudgets", func(
				ctx context.Context, req *handler.Request,
			) ([]handler.Violation, error) {
				return p.evaluate(ctx, req, env)
			}}, nil
		}, deployments(), statefulSets(), replicaSets(), replicationControllers(), autoscalers(),
		budgets())
}

// ReadsCluster implements [handler.Reader].
func (p podDisruptionBudgets) ReadsCluster() bool { return p.CountReplicas }

func (p podDisruptionBudgets) evaluate(
	ctx context.Context, req *handler.Request, env handler.Environment,
) ([]handler.Violation, error) {
	budget, ok, err := objectOf[policyv1.PodDisruptionBudget](req,
		policyv1.SchemeGroupVersion.WithKind("PodDisruptionBudget"))
	if err != nil || !ok {
		return nil, err
	}
	violations := p.blocks(budget)
	if !p.CountReplicas {
		return violations, nil
	}
	selected, err := selectedWorkloads(ctx, env, req.Namespace, budget.Spec.Selector)
	if err != nil {
		return nil, err
	}
	if least := budget.Spec.MinAvailable; least != nil && len(violations) == 0 {
		replicas := selected.replicas
		if scaled, err := intstr.GetScaledValueFromIntOrPercent(least, replicas.n, true); err == nil &&
			replicas.n > 0 && scaled >= replicas.n {
			violations = append(violations, handler.Violationf(field.NewPath("spec", "minAvailable"),
				"minAvailable: %s of %s blocks every eviction; use maxUnavailable: 1", least, replicas))
		}
	}
	find, err := finderOf(ctx, env, budgets())
	if err != nil {
		return nil, err
	}
	other, err := rivals{req.Namespace, req.Name, selected.selector, find}.of(ctx, selected.labels)
	if other != "" {
		violations = append(violations, handler.Violationf(field.NewPath("spec", "selector"),
			"PodDisruptionBudget %q selects the same Pods, none of which can then be evicted; keep one", other))
	}
	return violations, err
}

// blocks reports a budget that no number of Pods makes bearable.
func (p podDisruptionBudgets) blocks(budget *policyv1.PodDisruptionBudget) []handler.Violation {
	spec := field.NewPath("spec")
	if most := budget.Spec.MaxUnavailable; most != nil {
		// Kubernetes rounds up, so that a percentage lets a Pod go however few there are; nothing need be counted.
		if scaled, err := intstr.GetScaledValueFromIntOrPercent(most, 100, true); err == nil && scaled <= 0 {
			return []handler.Violation{handler.Violationf(spec.Child("maxUnavailable"),
				"maxUnavailable: %s blocks every eviction; let at least 1 be unavailable", most)}
		}
	}
	if least := budget.Spec.MinAvailable; least != nil && least.Type == intstr.String {
		if scaled, err := intstr.GetScaledValueFromIntOrPercent(least, 100, true); err == nil && scaled >= 100 {
			return []handler.Violation{handler.Violationf(spec.Child("minAvailable"),
				"minAvailable: %s blocks every eviction; use maxUnavailable: 1", least)}
		}
	}
	return nil
}
