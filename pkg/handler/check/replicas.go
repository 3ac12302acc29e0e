// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package check

import (
	"context"
	"fmt"

	appsv1 "k8s.io/api/apps/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/hookstrap/hookstrap/internal/view"
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

// replicaCounter adds up the replicas of workloads whose Pods a selector selects.
type replicaCounter struct {
	podSelection

	fewest finder[int] // of what is autoscaled
	replicas
	labels []pairs // of the Pods of each
}

// selectedWorkloads are those whose Pods a selector is about, as far as Kubernetes' own workloads say. They are counted
// as the disruption controller does: a ReplicaSet of a Deployment is a part of that.
func selectedWorkloads(
	ctx context.Context, env handler.Environment, namespace string, labelSelector *metav1.LabelSelector,
) (*replicaCounter, error) {
	selector, err := metav1.LabelSelectorAsSelector(labelSelector)
	if err != nil {
		return nil, fmt.Errorf("cannot read the budget's selector: %w", err)
	}
	c := &replicaCounter{podSelection: podSelection{namespace, selector}}
	if c.fewest, err = finderOf(ctx, env, autoscalers()); err != nil {
		return nil, err
	}
	apps := schema.GroupVersion{Group: appsv1.GroupName}
	for _, of := range []struct {
		view *view.View[workloadPods]
		kind schema.GroupKind
	}{
		{deployments(), apps.WithKind("Deployment").GroupKind()},
		{statefulSets(), apps.WithKind("StatefulSet").GroupKind()},
		{replicaSets(), apps.WithKind("ReplicaSet").GroupKind()},
		{replicationControllers(), schema.GroupKind{Kind: "ReplicationController"}},
	} {
		find, err := finderOf(ctx, env, of.view)
		if err != nil {
			return nil, err
		}
		selected, err := c.of(ctx, find)
		if err == nil {
			err = c.add(of.kind, selected)
		}
		if err != nil {
			return nil, err
		}
	}
	return c, nil
}

// add adds workloads, each with as few replicas as its autoscaler may leave, the first by name if it has several. What
// is scaled to none on purpose has none, whatever an autoscaler says. Of manifests of one workload, as for staging and
// for production, the one with the fewest counts.
func (c *replicaCounter) add(kind schema.GroupKind, selected []view.Found[workloadPods]) error {
	type identity struct {
		name   string
		labels packedPairs
	}
	known := map[identity]int{} // what was added
	for _, workload := range selected {
		n := workload.Value.replicas
		if n == 0 {
			continue
		}
		err := c.fewest(view.Query{Key: scaled(kind, workload.Name), In: c.namespace}, func(found view.Found[int]) bool {
			n, c.autoscaled = found.Value, true
			return false
		})
		if err != nil {
			return err
		}
		same := identity{workload.Name, workload.Value.labels}
		added, again := known[same]
		if !again {
			c.labels = append(c.labels, workload.Value.labels.pairs())
		}
		if again && added <= n {
			continue
		}
		c.n += n - added
		known[same] = n
	}
	return nil
}
