// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"math"
	"math/rand/v2"
	"strings"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

const (
	workers = 4
	// mean is the time between two requests of one worker.
	mean = 110 * time.Millisecond
)

// startLoad asks for admissions through the API server until ctx ends: dry runs, so that nothing is left behind. What
// the API server answers is for the panels to show.
func (s *stage) startLoad(ctx context.Context) {
	began := time.Now()
	for range workers {
		go func() {
			for {
				// The day of a cluster, in three minutes.
				busy := 1 + 0.6*math.Sin(2*math.Pi*time.Since(began).Minutes()/3)
				wait := time.Duration(rand.ExpFloat64() / busy * float64(mean)) // #nosec G404 -- traffic, no secret.
				select {
				case <-time.After(wait):
					s.admitOne(ctx)
				case <-ctx.Done():
					return
				}
			}
		}()
	}
}

// chance is true in n of 100 cases.
func chance(n int) bool { return rand.IntN(100) < n } // #nosec G404 -- traffic, no secret.

func (s *stage) admitOne(ctx context.Context) {
	meta := metav1.ObjectMeta{GenerateName: "app-"}
	if chance(80) {
		meta.Labels = map[string]string{"app": "shop", "team": "shop"}
	} else {
		meta.Labels = map[string]string{"app": "shop"}
	}
	template := corev1.PodTemplateSpec{ObjectMeta: meta, Spec: podSpec()}
	selector := &metav1.LabelSelector{MatchLabels: map[string]string{"app": "shop"}}
	options := metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}}
	in := "default"
	if chance(10) {
		in = exempt
	}
	switch {
	case chance(55):
		if chance(4) { // What kubectl apply leaves behind on a large object.
			meta.Annotations = map[string]string{"shop.example/notes": strings.Repeat("x", 200<<10)}
		}
		_, _ = s.admin.CoreV1().Pods(in).Create(ctx, &corev1.Pod{ObjectMeta: meta, Spec: template.Spec}, options)
	case chance(60):
		_, _ = s.admin.AppsV1().Deployments(in).Create(ctx, &appsv1.Deployment{
			ObjectMeta: meta, Spec: appsv1.DeploymentSpec{Selector: selector, Template: template}}, options)
	case chance(50):
		_, _ = s.admin.AppsV1().StatefulSets(in).Create(ctx, &appsv1.StatefulSet{
			ObjectMeta: meta, Spec: appsv1.StatefulSetSpec{Selector: selector, Template: template}}, options)
	default:
		template.Spec.RestartPolicy = corev1.RestartPolicyNever
		_, _ = s.admin.BatchV1().Jobs(in).Create(ctx, &batchv1.Job{
			ObjectMeta: meta, Spec: batchv1.JobSpec{Template: template}}, options)
	}
}

// podSpec is mostly good.
func podSpec() corev1.PodSpec {
	container := corev1.Container{Name: "app", Image: "registry.example/shop/app:v1.2.3"}
	switch {
	case chance(9):
		container.Image = "registry.example/shop/app" // no tag
	case chance(6):
		container.Image = "registry.example/legacy/app" // no tag, and exempt
	}
	if chance(6) {
		container.SecurityContext = &corev1.SecurityContext{Privileged: new(true)}
	}
	return corev1.PodSpec{Containers: []corev1.Container{container}}
}
