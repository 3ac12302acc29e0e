// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package check

import (
	"context"
	"fmt"

	appsv1 "k8s.io/api/apps/v1"
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/hookstrap/hookstrap/pkg/handler"
)

// PodDisruptionBudgets denies budgets which no eviction can pass.
type PodDisruptionBudgets struct {
	// CountReplicas also compares minAvailable with the replicas of the Deployments and StatefulSets whose Pods the
	// budget selects.
	CountReplicas bool `json:"countReplicas"`
}

func podDisruptionBudgetsDefinition() handler.Definition {
	return handler.Define("podDisruptionBudgets", handler.Doc{
		Summary: "No PodDisruptionBudget blocks every eviction.",
		Why: "A budget that never has a Pod to spare stops nodes from being drained: an upgrade of the cluster waits for " +
			"somebody to come and delete it.",
		Denied: `
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata: {name: web, namespace: shop}
spec:
  maxUnavailable: 0
  selector: {matchLabels: {app: web}}
`,
		Admitted: `
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata: {name: web, namespace: shop}
spec:
  maxUnavailable: 1
  selector: {matchLabels: {app: web}}
`,
	}, func() PodDisruptionBudgets { return PodDisruptionBudgets{CountReplicas: true} },
		func(p PodDisruptionBudgets, env handler.Environment) (handler.Check, error) {
			return ruleFunc{"podDisruptionBudgets", func(
				ctx context.Context, req *handler.Request,
			) ([]handler.Violation, error) {
				return p.evaluate(ctx, req, env)
			}}, nil
		}, &appsv1.Deployment{}, &appsv1.StatefulSet{})
}

// ReadsCluster implements [handler.Reader].
func (p PodDisruptionBudgets) ReadsCluster() bool { return p.CountReplicas }

func (p PodDisruptionBudgets) evaluate(
	ctx context.Context, req *handler.Request, env handler.Environment,
) ([]handler.Violation, error) {
	budget, ok, err := objectOf[policyv1.PodDisruptionBudget](req,
		policyv1.SchemeGroupVersion.WithKind("PodDisruptionBudget"))
	if err != nil || !ok {
		return nil, err
	}
	spec := field.NewPath("spec")
	if most := budget.Spec.MaxUnavailable; most != nil {
		if scaled, err := intstr.GetScaledValueFromIntOrPercent(most, 100, true); err == nil && scaled <= 0 {
			return []handler.Violation{handler.Violationf(spec.Child("maxUnavailable"),
				"maxUnavailable: %s blocks every eviction; let at least 1 be unavailable", most)}, nil
		}
	}
	least := budget.Spec.MinAvailable
	if least == nil {
		return nil, nil
	}
	path := spec.Child("minAvailable")
	if scaled, err := intstr.GetScaledValueFromIntOrPercent(least, 100, true); err == nil &&
		least.Type == intstr.String && scaled >= 100 {
		return []handler.Violation{handler.Violationf(path,
			"minAvailable: %s blocks every eviction; use maxUnavailable: 1", least)}, nil
	}
	if !p.CountReplicas {
		return nil, nil
	}
	replicas, err := selectedReplicas(ctx, env, req.Namespace, budget.Spec.Selector)
	if err != nil {
		return nil, err
	}
	if scaled, err := intstr.GetScaledValueFromIntOrPercent(least, replicas, true); err == nil &&
		replicas > 0 && scaled >= replicas {
		return []handler.Violation{handler.Violationf(path, "minAvailable: %s of %s blocks every eviction; "+
			"use maxUnavailable: 1", least, plural(replicas, "replica"))}, nil
	}
	return nil, nil
}

func plural(n int, what string) string {
	if n == 1 {
		return fmt.Sprintf("%d %s", n, what)
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// selectedReplicas is how many Pods the budget is about, as far as Deployments and StatefulSets say.
func selectedReplicas(
	ctx context.Context, env handler.Environment, namespace string, labelSelector *metav1.LabelSelector,
) (int, error) {
	selector, err := metav1.LabelSelectorAsSelector(labelSelector)
	if err != nil {
		return 0, fmt.Errorf("cannot read the budget's selector: %w", err)
	}
	var deployments appsv1.DeploymentList
	if err := listAll(ctx, env, &deployments, client.InNamespace(namespace)); err != nil {
		return 0, err
	}
	var sets appsv1.StatefulSetList
	if err := listAll(ctx, env, &sets, client.InNamespace(namespace)); err != nil {
		return 0, err
	}
	total := 0
	count := func(template map[string]string, replicas *int32) {
		switch {
		case !selector.Matches(labels.Set(template)):
		case replicas == nil:
			total++
		default:
			total += int(*replicas)
		}
	}
	for i := range deployments.Items {
		count(deployments.Items[i].Spec.Template.Labels, deployments.Items[i].Spec.Replicas)
	}
	for i := range sets.Items {
		count(sets.Items[i].Spec.Template.Labels, sets.Items[i].Spec.Replicas)
	}
	return total, nil
}
