package v1

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	ctrl "sigs.k8s.io/controller-runtime"
	logf "sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/webhook/admission"
)

// nolint:unused
// log is for logging in this package.
var podlog = logf.Log.WithName("pod-resource")

// SetupPodWebhookWithManager registers the webhook for Pod in the manager.
func SetupPodWebhookWithManager(mgr ctrl.Manager) error {
	return ctrl.NewWebhookManagedBy(mgr, &corev1.Pod{}).
		WithValidator(&PodValidator{}).
		Complete()
}

// NOTE: If you want to customise the 'path', use the flags '--defaulting-path' or '--validation-path'.
// +kubebuilder:webhook:path=/validate--v1-pod,mutating=false,failurePolicy=fail,sideEffects=None,groups="",resources=pods,verbs=create;update,versions=v1,name=vpod-v1.kb.io,admissionReviewVersions=v1

// PodValidator struct is responsible for validating the Pod resource
// when it is created, updated, or deleted.
//
// NOTE: The +kubebuilder:object:generate=false marker prevents controller-gen from generating DeepCopy methods,
// as this struct is used only for temporary operations and does not need to be deeply copied.
type PodValidator struct{}

// ValidateCreate implements admission.Validator so a webhook will be registered for the type Pod.
func (v *PodValidator) ValidateCreate(_ context.Context, obj *corev1.Pod) (admission.Warnings, error) {
	podlog.Info("Validation for Pod upon creation", "name", obj.GetName())

	return nil, validateOwner(obj)
}

// ValidateUpdate implements admission.Validator so a webhook will be registered for the type Pod.
func (v *PodValidator) ValidateUpdate(_ context.Context, oldObj, newObj *corev1.Pod) (admission.Warnings, error) {
	podlog.Info("Validation for Pod upon update", "name", newObj.GetName())

	return nil, validateOwner(newObj)
}

// ValidateDelete implements admission.Validator so a webhook will be registered for the type Pod.
func (v *PodValidator) ValidateDelete(_ context.Context, obj *corev1.Pod) (admission.Warnings, error) {
	podlog.Info("Validation for Pod upon deletion", "name", obj.GetName())

	return nil, nil
}

// validateOwner demands that a Pod names its owner.
func validateOwner(pod *corev1.Pod) error {
	if pod.Labels["owner"] == "" {
		return fmt.Errorf("the Pod has no label owner")
	}
	return nil
}
