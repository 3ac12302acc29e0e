// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package handlertest_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"github.com/hookstrap/hookstrap/pkg/handler"
	"github.com/hookstrap/hookstrap/pkg/handlertest"
)

func TestUpdatesPass(t *testing.T) {
	n := 0
	for want, find := range map[string]func(*corev1.Pod) string{
		"": func(pod *corev1.Pod) string { return "is called " + pod.Name },
		"an update that changes nothing is denied by one: finding": func(*corev1.Pod) string {
			n++
			return fmt.Sprint("finding ", n)
		},
	} {
		r := &recorder{TB: t}
		handlertest.UpdatesPass(r, handlerOf(t, find), barePod)
		if said := strings.Join(r.said, "\n"); want == "" && said != "" || !strings.Contains(said, want) {
			t.Errorf("got %q, want %q", said, want)
		}
	}
}

// What a mutation may set in an update passes, and what only a create may have does not.
func TestUpdatesPassOfMutations(t *testing.T) {
	pods := func(fn func(pod *corev1.Pod)) handler.Mutation {
		return handler.MutateFor("m", func(_ context.Context, _ *handler.Request, pod *corev1.Pod) error {
			fn(pod)
			return nil
		})
	}
	claims := func(fn func(claim *corev1.PersistentVolumeClaim)) handler.Mutation {
		return handler.MutateFor("m", func(_ context.Context, _ *handler.Request, claim *corev1.PersistentVolumeClaim) error {
			fn(claim)
			return nil
		})
	}
	priority := pods(func(pod *corev1.Pod) { pod.Spec.PriorityClassName = "low" })
	const (
		pod   = "{apiVersion: v1, kind: Pod, metadata: {name: web}, spec: {containers: [{name: a, image: a}]}}"
		claim = "{apiVersion: v1, kind: PersistentVolumeClaim, metadata: {name: a}, spec: {accessModes: [ReadWriteOnce]}}"
		job   = "{apiVersion: batch/v1, kind: Job, metadata: {name: web}, spec: {template: {spec: {containers: [{name: a, image: a}]}}}}"
	)
	for name, tt := range map[string]struct {
		mutation handler.Mutation
		manifest string
		want     string // in what is said; nothing if empty
	}{
		"the spec of Pods":               {priority, pod, "a mutation changes spec.priorityClassName, which it lets no update change: use handler.OnCreate"},
		"the spec of Pods without one":   {priority, barePod, "a mutation changes spec, which"},
		"the spec of Pods, when created": {handler.OnCreate(priority), pod, ""},
		"labels":                         {pods(func(pod *corev1.Pod) { pod.Labels = map[string]string{"a": "b"} }), pod, ""},
		"images":                         {pods(func(pod *corev1.Pod) { pod.Spec.Containers[0].Image = "b" }), pod, ""},
		"tolerations":                    {pods(func(pod *corev1.Pod) { pod.Spec.Tolerations = []corev1.Toleration{{Key: "a"}} }), pod, ""},
		"the resources of Pods": {pods(func(pod *corev1.Pod) {
			pod.Spec.Resources = &corev1.ResourceRequirements{Limits: corev1.ResourceList{}}
		}), pod, "a mutation changes spec.resources"},
		"the resources of claims": {claims(func(claim *corev1.PersistentVolumeClaim) {
			claim.Spec.VolumeAttributesClassName = new(string)
		}), claim, ""},
		"the class of claims": {claims(func(claim *corev1.PersistentVolumeClaim) {
			claim.Spec.StorageClassName = new(string)
		}), claim, "a mutation changes spec.storageClassName"},
		"the mode of Jobs": {handler.MutateFor("m", func(_ context.Context, _ *handler.Request, job *batchv1.Job) error {
			job.Spec.CompletionMode = ptr.To(batchv1.IndexedCompletion)
			return nil
		}), job, "a mutation changes spec.completionMode"},
		"templates of Jobs": {handler.MutateFor("m", func(_ context.Context, _ *handler.Request, job *batchv1.Job) error {
			job.Spec.Template.Spec.Containers[0].Image = "b"
			return nil
		}), job, "a mutation changes spec.template.spec.containers[0].image"},
		"one that fails": {handler.MutateFor("m", func(context.Context, *handler.Request, *metav1.PartialObjectMetadata) error {
			return fmt.Errorf("no idea")
		}), pod, "denied by m: failed: no idea"},
	} {
		h, err := handler.New(handler.Options{Entries: []handler.Entry{{Mutation: tt.mutation}}})
		if err != nil {
			t.Fatal(err)
		}
		r := &recorder{TB: t}
		handlertest.UpdatesPass(r, h, tt.manifest)
		if said := strings.Join(r.said, "\n"); tt.want == "" && said != "" || !strings.Contains(said, tt.want) {
			t.Errorf("%s: got %q, want %q", name, said, tt.want)
		}
	}
}
