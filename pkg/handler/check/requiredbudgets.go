// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package check

import (
	"context"

	"k8s.io/apimachinery/pkg/util/validation/field"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/hookstrap/hookstrap/internal/view"
	"github.com/hookstrap/hookstrap/pkg/handler"
)

// requiredBudgets denies Deployments, StatefulSets, ReplicaSets and ReplicationControllers with several replicas that
// no PodDisruptionBudget selects. The budget has to be created first, as Helm does. What scales only the scale
// subresource is let in.
type requiredBudgets struct {
	// MinReplicas is from how many replicas on a budget is asked for.
	MinReplicas int32 `json:"minReplicas"`
	// CountAutoscalers takes minReplicas of a HorizontalPodAutoscaler for the number of what it scales, where fewer are
	// written down.
	CountAutoscalers bool `json:"countAutoscalers"`
}

func requiredBudgetsDefinition() handler.Definition {
	return handler.Define("requiredBudgets", handler.Doc{
		Summary: "Workloads with several replicas have a PodDisruptionBudget, which is created before them.",
		Why: "Without a budget, a drain may evict all replicas at once: the upgrade of a cluster is then an outage of what " +
			"was meant to survive the loss of a node. A budget that is created after its workload comes too late: create it " +
			"first, as Helm does, or use mode warn or denyWhenClean. What only scales, through the subresource scale, is not " +
			"asked for one, nor is a workload of another kind, such as one of an operator.",
	}, func() requiredBudgets { return requiredBudgets{MinReplicas: 2, CountAutoscalers: true} },
		func(p requiredBudgets, env handler.Environment) (handler.Check, error) {
			return ruleFunc{"requiredBudgets", func(ctx context.Context, req *handler.Request) ([]handler.Violation, error) {
				return p.evaluate(ctx, req, env)
			}}, nil
		}, budgets(), autoscalers())
}

// Needs implements [handler.Chooser].
func (p requiredBudgets) Needs(read client.Object) bool {
	return p.CountAutoscalers || !view.Same(read, autoscalers())
}

// Validate implements [handler.Validator].
func (p requiredBudgets) Validate(path *field.Path) field.ErrorList {
	return positive(path.Child("minReplicas"), p.MinReplicas)
}

func (p requiredBudgets) evaluate(
	ctx context.Context, req *handler.Request, env handler.Environment,
) ([]handler.Violation, error) {
	n, ok, err := manyReplicas{p.MinReplicas, p.CountAutoscalers, env}.of(ctx, req)
	if err != nil || !ok {
		return nil, err
	}
	pod, ok, err := podOf(req)
	if err != nil || !ok {
		return nil, err
	}
	find, err := finderOf(ctx, env, budgets())
	if err != nil {
		return nil, err
	}
	budget, err := rivals{namespace: req.Namespace, find: find}.selecting(ctx, pairsOf(pod.Metadata.Labels))
	if err != nil || budget != "" {
		return nil, err
	}
	return []handler.Violation{lackf(
		"%d replicas, and no PodDisruptionBudget selects them; create one first, with maxUnavailable: 1", n)}, nil
}
