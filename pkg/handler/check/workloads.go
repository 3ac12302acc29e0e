// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package check

import (
	"maps"
	"slices"
	"sort"
	"strings"
	"unique"

	appsv1 "k8s.io/api/apps/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/hookstrap/hookstrap/internal/view"
)

// workloadPods are what is kept of a Deployment and the like: the labels of its Pods, how many it is to have, and the
// names of their ports.
type workloadPods struct {
	labels   packedPairs
	replicas int
	ports    []string
}

// keptWorkload is what is kept of a workload. It is found by each of its labels, and as one of all.
func keptWorkload(template *corev1.PodTemplateSpec, replicas int) (view.Kept[workloadPods], bool) {
	kept := view.Kept[workloadPods]{
		Value: workloadPods{pairsOf(template.Labels).packed(), replicas, portNames(&template.Spec)},
		Keys:  []view.Key{{Text: everyWorkload}},
	}
	for key, value := range template.Labels {
		kept.Keys = append(kept.Keys, view.Key{Text: pair(key, value)})
	}
	return kept, true
}

// everyWorkload is the key of all.
const everyWorkload = ""

// pair is the key of a label with its value.
func pair(key, value string) string { return key + "=" + value }

func deployments() *view.View[workloadPods] {
	return view.New("replicas", &appsv1.Deployment{}, &appsv1.DeploymentList{},
		func(o *appsv1.Deployment) (view.Kept[workloadPods], bool) {
			return keptWorkload(&o.Spec.Template, int(orOne(o.Spec.Replicas)))
		})
}

func statefulSets() *view.View[workloadPods] {
	return view.New("replicas", &appsv1.StatefulSet{}, &appsv1.StatefulSetList{},
		func(o *appsv1.StatefulSet) (view.Kept[workloadPods], bool) {
			return keptWorkload(&o.Spec.Template, int(orOne(o.Spec.Replicas)))
		})
}

// replicaSets are those that are no part of a Deployment, which leaves ten behind.
func replicaSets() *view.View[workloadPods] {
	return view.New("replicas", &appsv1.ReplicaSet{}, &appsv1.ReplicaSetList{},
		func(o *appsv1.ReplicaSet) (view.Kept[workloadPods], bool) {
			if isOfDeployment(o) {
				return view.Kept[workloadPods]{}, false
			}
			return keptWorkload(&o.Spec.Template, int(orOne(o.Spec.Replicas)))
		})
}

func replicationControllers() *view.View[workloadPods] {
	return view.New("replicas", &corev1.ReplicationController{}, &corev1.ReplicationControllerList{},
		func(o *corev1.ReplicationController) (view.Kept[workloadPods], bool) {
			if o.Spec.Template == nil {
				return view.Kept[workloadPods]{}, false
			}
			return keptWorkload(o.Spec.Template, int(orOne(o.Spec.Replicas)))
		})
}

// daemonSets are as many as there are nodes, which is not kept.
func daemonSets() *view.View[workloadPods] {
	return view.New("replicas", &appsv1.DaemonSet{}, &appsv1.DaemonSetList{},
		func(o *appsv1.DaemonSet) (view.Kept[workloadPods], bool) { return keptWorkload(&o.Spec.Template, 1) })
}

func jobs() *view.View[workloadPods] {
	return view.New("replicas", &batchv1.Job{}, &batchv1.JobList{},
		func(o *batchv1.Job) (view.Kept[workloadPods], bool) { return keptWorkload(&o.Spec.Template, 1) })
}

func pods() *view.View[workloadPods] {
	return view.New("replicas", &corev1.Pod{}, &corev1.PodList{},
		func(o *corev1.Pod) (view.Kept[workloadPods], bool) {
			return keptWorkload(&corev1.PodTemplateSpec{ObjectMeta: o.ObjectMeta, Spec: o.Spec}, 1)
		})
}

// autoscalers keep the fewest replicas that each may leave, found by what it scales. Who scales down to none blocks
// nothing then; what counts is the last Pod before.
func autoscalers() *view.View[int] {
	return view.New("targets", &autoscalingv2.HorizontalPodAutoscaler{}, &autoscalingv2.HorizontalPodAutoscalerList{},
		func(o *autoscalingv2.HorizontalPodAutoscaler) (view.Kept[int], bool) {
			target := o.Spec.ScaleTargetRef
			kind := schema.FromAPIVersionAndKind(target.APIVersion, target.Kind).GroupKind()
			return view.Kept[int]{
				Value: max(1, int(orOne(o.Spec.MinReplicas))), Keys: []view.Key{{Text: scaled(kind, target.Name)}},
			}, true
		})
}

// scaled is the key of what an autoscaler scales, whichever version of its kind it talks about.
func scaled(kind schema.GroupKind, name string) string { return kind.String() + "/" + name }

// isOfDeployment says whether a Deployment controls the object.
func isOfDeployment(obj metav1.Object) bool {
	owner := metav1.GetControllerOf(obj)
	return owner != nil && owner.Kind == "Deployment" &&
		schema.FromAPIVersionAndKind(owner.APIVersion, owner.Kind).Group == appsv1.GroupName
}

// pairs are labels: each key with its value behind it, sorted. They take less memory than a map.
type pairs []string

var _ labels.Labels = pairs{}

func pairsOf(set map[string]string) pairs {
	all := make(pairs, 0, 2*len(set))
	for _, key := range slices.Sorted(maps.Keys(set)) {
		all = append(all, key, set[key])
	}
	return all
}

// packed is about half as large. No label has the byte in it that separates them.
func (p pairs) packed() packedPairs { return packedPairs(strings.Join(p, separator)) }

const separator = "\x00"

// packedPairs are pairs as they are kept in memory.
type packedPairs string

var _ labels.Labels = packedPairs("")

// Lookup implements [labels.Labels].
func (p packedPairs) Lookup(wanted string) (string, bool) {
	for rest, more := string(p), len(p) > 0; more; {
		var key, value string
		key, rest, _ = strings.Cut(rest, separator)
		value, rest, more = strings.Cut(rest, separator)
		if key == wanted {
			return value, true
		}
	}
	return "", false
}

// Has implements [labels.Labels].
func (p packedPairs) Has(key string) bool {
	_, found := p.Lookup(key)
	return found
}

// Get implements [labels.Labels].
func (p packedPairs) Get(key string) string {
	value, _ := p.Lookup(key)
	return value
}

// pairs are what was packed.
func (p packedPairs) pairs() pairs {
	if p == "" {
		return nil
	}
	return strings.Split(string(p), separator)
}

// shared is a text that many objects have, such as the name of a port. It is in memory once.
func shared(text string) string { return unique.Make(text).Value() }

// Lookup implements [labels.Labels].
func (p pairs) Lookup(key string) (string, bool) {
	i := 2 * sort.Search(len(p)/2, func(i int) bool { return p[2*i] >= key })
	if i < len(p) && p[i] == key {
		return p[i+1], true
	}
	return "", false
}

// Has implements [labels.Labels].
func (p pairs) Has(key string) bool {
	_, found := p.Lookup(key)
	return found
}

// Get implements [labels.Labels].
func (p pairs) Get(key string) string {
	value, _ := p.Lookup(key)
	return value
}
