package v1

import (
	"context"
	"fmt"

	ctrl "sigs.k8s.io/controller-runtime"
	logf "sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/webhook/admission"

	storagev1 "example.com/kubebuilder/api/v1"
)

// nolint:unused
// log is for logging in this package.
var backuplog = logf.Log.WithName("backup-resource")

// SetupBackupWebhookWithManager registers the webhook for Backup in the manager.
func SetupBackupWebhookWithManager(mgr ctrl.Manager) error {
	return ctrl.NewWebhookManagedBy(mgr, &storagev1.Backup{}).
		WithValidator(&BackupValidator{}).
		WithDefaulter(&BackupDefaulter{}).
		Complete()
}

// +kubebuilder:webhook:path=/mutate-storage-example-com-v1-backup,mutating=true,failurePolicy=fail,sideEffects=None,groups=storage.example.com,resources=backups,verbs=create;update,versions=v1,name=mbackup-v1.kb.io,admissionReviewVersions=v1

// BackupDefaulter struct is responsible for setting default values on the custom resource of the
// Kind Backup when those are created or updated.
//
// NOTE: The +kubebuilder:object:generate=false marker prevents controller-gen from generating DeepCopy methods,
// as it is used only for temporary operations and does not need to be deeply copied.
type BackupDefaulter struct{}

// Default implements admission.Defaulter so a webhook will be registered for the Kind Backup.
func (d *BackupDefaulter) Default(_ context.Context, obj *storagev1.Backup) error {
	backuplog.Info("Defaulting for Backup", "name", obj.GetName())

	if obj.Spec.KeepDays == nil {
		obj.Spec.KeepDays = new(int32(7))
	}
	return nil
}

// NOTE: If you want to customise the 'path', use the flags '--defaulting-path' or '--validation-path'.
// +kubebuilder:webhook:path=/validate-storage-example-com-v1-backup,mutating=false,failurePolicy=fail,sideEffects=None,groups=storage.example.com,resources=backups,verbs=create;update,versions=v1,name=vbackup-v1.kb.io,admissionReviewVersions=v1

// BackupValidator struct is responsible for validating the Backup resource
// when it is created, updated, or deleted.
//
// NOTE: The +kubebuilder:object:generate=false marker prevents controller-gen from generating DeepCopy methods,
// as this struct is used only for temporary operations and does not need to be deeply copied.
type BackupValidator struct{}

// ValidateCreate implements admission.Validator so a webhook will be registered for the type Backup.
func (v *BackupValidator) ValidateCreate(_ context.Context, obj *storagev1.Backup) (admission.Warnings, error) {
	backuplog.Info("Validation for Backup upon creation", "name", obj.GetName())

	return nil, validateTime(obj)
}

// ValidateUpdate implements admission.Validator so a webhook will be registered for the type Backup.
func (v *BackupValidator) ValidateUpdate(_ context.Context, oldObj, newObj *storagev1.Backup) (admission.Warnings, error) {
	backuplog.Info("Validation for Backup upon update", "name", newObj.GetName())

	return nil, validateTime(newObj)
}

// ValidateDelete implements admission.Validator so a webhook will be registered for the type Backup.
func (v *BackupValidator) ValidateDelete(_ context.Context, obj *storagev1.Backup) (admission.Warnings, error) {
	backuplog.Info("Validation for Backup upon deletion", "name", obj.GetName())

	return nil, nil
}

// validateTime demands a time that a day has.
func validateTime(backup *storagev1.Backup) error {
	if at := backup.Spec.At; at.Hour < 0 || at.Hour > 23 || at.Minute < 0 || at.Minute > 59 {
		return fmt.Errorf("no day has the time %02d:%02d of spec.at", at.Hour, at.Minute)
	}
	return nil
}
