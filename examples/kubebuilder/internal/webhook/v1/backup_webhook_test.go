// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package v1

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/hookstrap/hookstrap/pkg/handler"
	"github.com/hookstrap/hookstrap/pkg/handlertest"

	storagev1 "example.com/kubebuilder/api/v1"
	storagev1beta1 "example.com/kubebuilder/api/v1beta1"
)

// TestNothingGetsLost converts Backups of random fields to the other version and back.
func TestNothingGetsLost(t *testing.T) {
	conversion := handler.ConvertFor(storagev1.SchemeGroupVersion.WithKind("Backup"),
		handler.ConvertibleSpoke[storagev1beta1.Backup, storagev1.Backup]("v1beta1"))
	handlertest.RoundTrip(t, conversion, handlertest.Fix(func(backup *storagev1.Backup, r *rand.Rand) {
		backup.Spec.At = storagev1.TimeOfDay{Hour: r.Int32N(24), Minute: r.Int32N(60)}
	}), handlertest.Fix(func(backup *storagev1beta1.Backup, r *rand.Rand) {
		backup.Spec.At = fmt.Sprintf("%02d:%02d", r.IntN(24), r.IntN(60))
	}))
}

func TestDefault(t *testing.T) {
	for _, given := range []*int32{nil, new(int32(0)), new(int32(30))} {
		backup := &storagev1.Backup{Spec: storagev1.BackupSpec{KeepDays: given}}
		if err := (&BackupDefaulter{}).Default(t.Context(), backup); err != nil {
			t.Error(err)
		}
		want := int32(7)
		if given != nil {
			want = *given
		}
		if got := *backup.Spec.KeepDays; got != want {
			t.Errorf("keepDays is %d, want %d", got, want)
		}
	}
}

func TestValidate(t *testing.T) {
	var v BackupValidator
	for at, good := range map[storagev1.TimeOfDay]bool{
		{Hour: 0, Minute: 0}: true, {Hour: 23, Minute: 59}: true,
		{Hour: 24, Minute: 0}: false, {Hour: -1, Minute: 0}: false, {Hour: 0, Minute: 60}: false, {Hour: 0, Minute: -1}: false,
	} {
		backup := &storagev1.Backup{Spec: storagev1.BackupSpec{At: at}}
		if _, err := v.ValidateCreate(t.Context(), backup); (err == nil) != good {
			t.Errorf("a new Backup at %v: %v", at, err)
		}
		if _, err := v.ValidateUpdate(t.Context(), &storagev1.Backup{}, backup); (err == nil) != good {
			t.Errorf("a changed Backup at %v: %v", at, err)
		}
	}
}
