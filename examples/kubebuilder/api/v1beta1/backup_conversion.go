package v1beta1

import (
	"fmt"

	"sigs.k8s.io/controller-runtime/pkg/conversion"

	storagev1 "example.com/kubebuilder/api/v1"
)

// ConvertTo converts this Backup (v1beta1) to the Hub version (v1).
func (src *Backup) ConvertTo(dstRaw conversion.Hub) error {
	dst := dstRaw.(*storagev1.Backup)

	// Copy ObjectMeta to preserve name, namespace, labels, etc.
	dst.ObjectMeta = src.ObjectMeta

	dst.Spec = storagev1.BackupSpec{Volume: src.Spec.Volume, KeepDays: src.Spec.KeepDays}
	at := &dst.Spec.At
	if _, err := fmt.Sscanf(src.Spec.At, "%d:%d", &at.Hour, &at.Minute); err != nil || src.Spec.At != clock(*at) {
		return fmt.Errorf("spec.at of the Backup %s is %q: write hours and minutes of two digits each, as in 02:30",
			src.Name, src.Spec.At)
	}
	return nil
}

// ConvertFrom converts the Hub version (v1) to this Backup (v1beta1).
func (dst *Backup) ConvertFrom(srcRaw conversion.Hub) error {
	src := srcRaw.(*storagev1.Backup)

	// Copy ObjectMeta to preserve name, namespace, labels, etc.
	dst.ObjectMeta = src.ObjectMeta

	dst.Spec = BackupSpec{Volume: src.Spec.Volume, At: clock(src.Spec.At), KeepDays: src.Spec.KeepDays}
	return nil
}

func clock(at storagev1.TimeOfDay) string { return fmt.Sprintf("%02d:%02d", at.Hour, at.Minute) }
