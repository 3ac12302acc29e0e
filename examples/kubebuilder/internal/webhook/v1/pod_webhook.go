// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

// Package v1 has the webhooks for kinds of the API version v1.
package v1

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/webhook"
	"sigs.k8s.io/controller-runtime/pkg/webhook/admission"
)

// SetupPodWebhookWithManager registers the webhook for Pods in the manager.
func SetupPodWebhookWithManager(mgr ctrl.Manager) error {
	return ctrl.NewWebhookManagedBy(mgr).For(&corev1.Pod{}).WithValidator(&PodCustomValidator{}).Complete()
}

// PodCustomValidator demands that a Pod names its owner.
type PodCustomValidator struct{}

var _ webhook.CustomValidator = &PodCustomValidator{}

// ValidateCreate implements [webhook.CustomValidator].
func (*PodCustomValidator) ValidateCreate(_ context.Context, obj runtime.Object) (admission.Warnings, error) {
	return nil, validate(obj)
}

// ValidateUpdate implements [webhook.CustomValidator].
func (*PodCustomValidator) ValidateUpdate(_ context.Context, _, obj runtime.Object) (admission.Warnings, error) {
	return nil, validate(obj)
}

// ValidateDelete implements [webhook.CustomValidator].
func (*PodCustomValidator) ValidateDelete(context.Context, runtime.Object) (admission.Warnings, error) {
	return nil, nil
}

func validate(obj runtime.Object) error {
	pod, ok := obj.(*corev1.Pod)
	if !ok {
		return fmt.Errorf("expected a Pod, got a %T", obj)
	}
	if pod.Labels["owner"] == "" {
		return fmt.Errorf("Pod %s has no label owner", pod.Name)
	}
	return nil
}
