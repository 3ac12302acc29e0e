// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package check

import (
	"context"
	"fmt"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/selection"

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
	namespace string
	selector  labels.Selector
	fewest    finder[int] // of what is autoscaled
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
	c := &replicaCounter{namespace: namespace, selector: selector}
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
		if err == nil {
			err = c.count(ctx, of.kind, find)
		}
		if err != nil {
			return nil, err
		}
	}
	return c, nil
}

// fewAtFirst is how many workloads are looked at by each requirement of a selector, before any is followed further.
const fewAtFirst = 16

// count adds the workloads of a kind. It looks at few by each requirement, then at twice as many, until one of them is
// through with all of its own: so what it costs depends on the requirement that selects the fewest.
func (c *replicaCounter) count(ctx context.Context, kind schema.GroupKind, find finder[workloadPods]) error {
	ways := keysOf(c.selector)
	for most := fewAtFirst; ; most *= 2 {
		for _, keys := range ways {
			if err := ctx.Err(); err != nil {
				return err
			}
			selected, complete, err := c.selected(keys, most, find)
			switch {
			case err != nil:
				return err
			case complete:
				return c.add(kind, selected)
			}
		}
		if len(ways) == 0 {
			return nil
		}
	}
}

// selected returns the selected workloads among those with one of the keys, and false if there are more than so many to
// look at.
func (c *replicaCounter) selected(
	keys []string, most int, find finder[workloadPods],
) (selected []view.Found[workloadPods], complete bool, err error) {
	for _, key := range keys {
		err := find(view.Query{Key: key, In: c.namespace}, func(found view.Found[workloadPods]) bool {
			most--
			if most >= 0 && c.selector.Matches(found.Value.labels) {
				selected = append(selected, found)
			}
			return most >= 0
		})
		if err != nil || most < 0 {
			return nil, false, err
		}
	}
	return selected, true, nil
}

// add adds workloads, each with as few replicas as its autoscaler may leave, the first by name if it has several. Of
// manifests of one workload, as for staging and for production, the one with the fewest counts.
func (c *replicaCounter) add(kind schema.GroupKind, selected []view.Found[workloadPods]) error {
	type identity struct{ name, labels string }
	known := map[identity]int{} // what was added
	for _, workload := range selected {
		n := workload.Value.replicas
		err := c.fewest(view.Query{Key: scaled(kind, workload.Name), In: c.namespace}, func(found view.Found[int]) bool {
			n, c.autoscaled = found.Value, true
			return false
		})
		if err != nil {
			return err
		}
		same := identity{workload.Name, strings.Join(workload.Value.labels, ",")}
		added, again := known[same]
		if !again {
			c.labels = append(c.labels, workload.Value.labels)
		}
		if again && added <= n {
			continue
		}
		c.n += n - added
		known[same] = n
	}
	return nil
}

// keysOf returns for each requirement of a selector that says which labels there must be the keys, by one of which each
// workload is found that is selected. No two keys find the same one.
func keysOf(selector labels.Selector) [][]string {
	requirements, selectable := selector.Requirements()
	if !selectable {
		return nil // it selects nothing
	}
	ways := [][]string{{everyWorkload}}
	for _, r := range requirements {
		var keys []string
		switch r.Operator() {
		case selection.Equals, selection.DoubleEquals, selection.In:
			for _, value := range r.ValuesUnsorted() {
				keys = append(keys, pair(r.Key(), value))
			}
		case selection.Exists:
			keys = []string{r.Key()}
		default: // what lacks a label has no key for that
			continue
		}
		ways = append(ways, keys)
	}
	return ways
}
