// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package check

import (
	"context"
	"fmt"

	appsv1 "k8s.io/api/apps/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/hookstrap/hookstrap/pkg/handler"
)

// replicas are how many Pods some workloads have when they have the fewest.
type replicas struct {
	n          int
	autoscaled bool // somebody else decides about some of them
}

// String is how they are called in messages.
func (r replicas) String() string {
	text := fmt.Sprintf("%d replicas", r.n)
	if r.n == 1 {
		text = "1 replica"
	}
	if r.autoscaled {
		text += ", as few as autoscaling may leave,"
	}
	return text
}

// workloadKey names a workload in its namespace, whichever version of its kind is talked about.
type workloadKey struct {
	kind schema.GroupKind
	name string
}

// replicaCounter adds up the replicas of workloads whose Pods a selector selects.
type replicaCounter struct {
	selector labels.Selector
	fewest   map[workloadKey]int // of those that are scaled
	replicas
}

// selectedReplicas is how many Pods a selector is about, as far as Kubernetes' own workloads say. They are counted as
// the disruption controller does: a ReplicaSet of a Deployment is a part of that.
func selectedReplicas(
	ctx context.Context, env handler.Environment, namespace string, labelSelector *metav1.LabelSelector,
) (replicas, error) {
	selector, err := metav1.LabelSelectorAsSelector(labelSelector)
	if err != nil {
		return replicas{}, fmt.Errorf("cannot read the budget's selector: %w", err)
	}
	c := replicaCounter{selector: selector}
	for _, step := range []func(context.Context, handler.Environment, client.ListOption) error{
		c.readAutoscalers, c.countDeployments, c.countStatefulSets, c.countReplicaSets, c.countControllers,
	} {
		if err := step(ctx, env, client.InNamespace(namespace)); err != nil {
			return replicas{}, err
		}
	}
	return c.replicas, nil
}

// forEach calls visit for each object of a kind, which list and its items are for.
func forEach[T any](
	ctx context.Context, env handler.Environment, in client.ListOption, list client.ObjectList, items *[]T, visit func(*T),
) error {
	err := listAll(ctx, env, list, in)
	for i := range *items {
		visit(&(*items)[i])
	}
	return err
}

func (c *replicaCounter) readAutoscalers(ctx context.Context, env handler.Environment, in client.ListOption) error {
	var list autoscalingv2.HorizontalPodAutoscalerList
	c.fewest = map[workloadKey]int{}
	return forEach(ctx, env, in, &list, &list.Items, func(o *autoscalingv2.HorizontalPodAutoscaler) {
		target := o.Spec.ScaleTargetRef
		kind := schema.FromAPIVersionAndKind(target.APIVersion, target.Kind).GroupKind()
		// Who scales down to none blocks nothing then; what counts is the last Pod before.
		c.fewest[workloadKey{kind, target.Name}] = max(1, int(orOne(o.Spec.MinReplicas)))
	})
}

func (c *replicaCounter) countDeployments(ctx context.Context, env handler.Environment, in client.ListOption) error {
	var list appsv1.DeploymentList
	return forEach(ctx, env, in, &list, &list.Items, func(o *appsv1.Deployment) {
		c.count(appsv1.SchemeGroupVersion.WithKind("Deployment"), o.Name, o.Spec.Template.Labels, o.Spec.Replicas)
	})
}

func (c *replicaCounter) countStatefulSets(ctx context.Context, env handler.Environment, in client.ListOption) error {
	var list appsv1.StatefulSetList
	return forEach(ctx, env, in, &list, &list.Items, func(o *appsv1.StatefulSet) {
		c.count(appsv1.SchemeGroupVersion.WithKind("StatefulSet"), o.Name, o.Spec.Template.Labels, o.Spec.Replicas)
	})
}

func (c *replicaCounter) countReplicaSets(ctx context.Context, env handler.Environment, in client.ListOption) error {
	var list appsv1.ReplicaSetList
	return forEach(ctx, env, in, &list, &list.Items, func(o *appsv1.ReplicaSet) {
		if !isOfDeployment(o) {
			c.count(appsv1.SchemeGroupVersion.WithKind("ReplicaSet"), o.Name, o.Spec.Template.Labels, o.Spec.Replicas)
		}
	})
}

func (c *replicaCounter) countControllers(ctx context.Context, env handler.Environment, in client.ListOption) error {
	var list corev1.ReplicationControllerList
	return forEach(ctx, env, in, &list, &list.Items, func(o *corev1.ReplicationController) {
		if o.Spec.Template != nil {
			c.count(corev1.SchemeGroupVersion.WithKind("ReplicationController"), o.Name, o.Spec.Template.Labels,
				o.Spec.Replicas)
		}
	})
}

// count adds a workload. One that is scaled to none on purpose has none, whatever an autoscaler says.
func (c *replicaCounter) count(kind schema.GroupVersionKind, name string, template map[string]string, written *int32) {
	n := int(orOne(written))
	if n == 0 || !c.selector.Matches(labels.Set(template)) {
		return
	}
	if fewest, ok := c.fewest[workloadKey{kind.GroupKind(), name}]; ok {
		n, c.autoscaled = fewest, true
	}
	c.n += n
}

// isOfDeployment says whether a Deployment controls the object.
func isOfDeployment(obj metav1.Object) bool {
	owner := metav1.GetControllerOf(obj)
	return owner != nil && owner.Kind == "Deployment" &&
		schema.FromAPIVersionAndKind(owner.APIVersion, owner.Kind).Group == appsv1.GroupName
}
