package v1beta1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
)

// BackupSpec defines the desired state of Backup
type BackupSpec struct {
	// volume is the name of the PersistentVolumeClaim to copy.
	// +required
	Volume string `json:"volume"`

	// at is the time of day, in UTC, at which the copy is made, such as "02:30".
	// +required
	At string `json:"at"`

	// keepDays is for how many days a copy is kept. The webhook sets 7 if it is not given.
	// +optional
	KeepDays *int32 `json:"keepDays,omitempty"`
}

// +kubebuilder:object:root=true

// Backup is the Schema for the backups API
type Backup struct {
	metav1.TypeMeta `json:",inline"`

	// metadata is a standard object metadata
	// +optional
	metav1.ObjectMeta `json:"metadata,omitzero"`

	// spec defines the desired state of Backup
	// +required
	Spec BackupSpec `json:"spec"`
}

// +kubebuilder:object:root=true

// BackupList contains a list of Backup
type BackupList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitzero"`
	Items           []Backup `json:"items"`
}

func init() {
	SchemeBuilder.Register(func(s *runtime.Scheme) error {
		s.AddKnownTypes(SchemeGroupVersion, &Backup{}, &BackupList{})
		return nil
	})
}
