// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package check

import (
	"encoding/json"
	"fmt"
	"slices"
	"testing"

	admissionv1 "k8s.io/api/admission/v1"
	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes/scheme"

	"github.com/hookstrap/hookstrap/pkg/handler"
)

// create is the request to create an object of a built-in type.
func create(t testing.TB, obj runtime.Object) *handler.Request {
	t.Helper()
	kinds, _, err := scheme.Scheme.ObjectKinds(obj)
	if err != nil {
		t.Fatal(err)
	}
	data, err := json.Marshal(obj)
	if err != nil {
		t.Fatal(err)
	}
	return handler.NewRequest(admissionv1.AdmissionRequest{
		Kind:      metav1.GroupVersionKind(kinds[0]),
		Operation: admissionv1.Create,
		Object:    runtime.RawExtension{Raw: data},
	})
}

func evaluate(t testing.TB, check handler.Check, obj runtime.Object) []handler.Violation {
	t.Helper()
	violations, err := check.Evaluate(t.Context(), create(t, obj))
	if err != nil {
		t.Fatal(err)
	}
	return violations
}

// shown is what the user sees of violations.
func shown(violations []handler.Violation) []string {
	var texts []string
	for _, v := range violations {
		texts = append(texts, v.Field+": "+v.Message)
	}
	return texts
}

// identities are the violations' identities, with their parts in order.
func identities(violations []handler.Violation) []string {
	var list []string
	for _, v := range violations {
		list = append(append(list, v.Identity), slices.Sorted(slices.Values(v.Parts))...)
	}
	return list
}

// podWith is a Pod with containers of the given images, named a, b, …
func podWith(images ...string) *corev1.Pod {
	pod := &corev1.Pod{}
	for i, image := range images {
		name := string(rune('a' + i))
		pod.Spec.Containers = append(pod.Spec.Containers, corev1.Container{Name: name, Image: image})
	}
	return pod
}

// holder is an object that has a Pod in it, and where.
type holder struct {
	obj  runtime.Object
	path string
}

// holders are all sorts of objects which make the given Pod.
func holders(pod *corev1.Pod) map[string]holder {
	template := corev1.PodTemplateSpec{ObjectMeta: pod.ObjectMeta, Spec: pod.Spec}
	job := batchv1.JobSpec{Template: template}
	return map[string]holder{
		"Pod":         {pod, "spec"},
		"PodTemplate": {&corev1.PodTemplate{Template: template}, "template.spec"},
		"ReplicationController": {
			&corev1.ReplicationController{Spec: corev1.ReplicationControllerSpec{Template: &template}}, "spec.template.spec",
		},
		"Deployment":  {&appsv1.Deployment{Spec: appsv1.DeploymentSpec{Template: template}}, "spec.template.spec"},
		"ReplicaSet":  {&appsv1.ReplicaSet{Spec: appsv1.ReplicaSetSpec{Template: template}}, "spec.template.spec"},
		"StatefulSet": {&appsv1.StatefulSet{Spec: appsv1.StatefulSetSpec{Template: template}}, "spec.template.spec"},
		"DaemonSet":   {&appsv1.DaemonSet{Spec: appsv1.DaemonSetSpec{Template: template}}, "spec.template.spec"},
		"Job":         {&batchv1.Job{Spec: job}, "spec.template.spec"},
		"CronJob": {
			&batchv1.CronJob{Spec: batchv1.CronJobSpec{JobTemplate: batchv1.JobTemplateSpec{Spec: job}}},
			"spec.jobTemplate.spec.template.spec",
		},
	}
}

// replicated is the manifest of a workload whose Pods have the label app: web.
func replicated(kind, spec string) string {
	apiVersion := "apps/v1"
	if kind == "ReplicationController" {
		apiVersion = "v1"
	}
	return fmt.Sprintf(`{apiVersion: %s, kind: %s, metadata: {name: web, namespace: shop}, spec: {%s}}`, apiVersion, kind, spec)
}
