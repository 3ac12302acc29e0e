// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package check

import (
	"context"
	"encoding/json"
	"reflect"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/hookstrap/hookstrap/pkg/handler"
)

// volumeTypesCheck denies Pods with volumes of other types than the allowed ones.
type volumeTypesCheck struct {
	// Allowed are the types of volumes that Pods may have, as their fields are called: configMap, hostPath, nfs and so on.
	// The default are those of the level restricted.
	Allowed []string `json:"allowed"`
}

func volumeTypesDefinition() handler.Definition {
	return definePodsOf(volumesOf, "volumeTypes", handler.Doc{
		Summary: "Pods have volumes of allowed types only.",
		Why: "Many types mount something that no quota and no right of the user is about: a file server, a disk of a " +
			"cloud, a directory of the node. Behind a PersistentVolumeClaim, an administrator has decided what there is.",
	}, func() volumeTypesCheck {
		return volumeTypesCheck{Allowed: []string{
			"configMap", "csi", "downwardAPI", "emptyDir", "ephemeral", "image", "persistentVolumeClaim", "projected", "secret",
		}}
	})
}

// Values implements [handler.Enumerator].
func (volumeTypesCheck) Values() map[string][]string {
	return map[string][]string{"allowed": {
		"awsElasticBlockStore", "azureDisk", "azureFile", "cephfs", "cinder", "configMap", "csi", "downwardAPI", "emptyDir",
		"ephemeral", "fc", "flexVolume", "flocker", "gcePersistentDisk", "gitRepo", "glusterfs", "hostPath", "image", "iscsi",
		"nfs", "persistentVolumeClaim", "photonPersistentDisk", "portworxVolume", "projected", "quobyte", "rbd", "scaleIO",
		"secret", "storageos", "vsphereVolume",
	}}
}

// Validate implements [handler.Validator].
func (p volumeTypesCheck) Validate(at *field.Path) field.ErrorList {
	var errs field.ErrorList
	for i, t := range p.Allowed {
		errs = append(errs, oneOf(at.Child("allowed").Index(i), t, p.Values()["allowed"])...)
	}
	return errs
}

// volumesOf reads mounts only of Pods with volumes.
func volumesOf(req *handler.Request) (PodTemplate, bool, error) {
	pod, ok, err := podOf(req)
	if err != nil || !ok || len(pod.Spec.Volumes) == 0 {
		return pod, ok, err
	}
	pod, err = withMounts(req, pod)
	return pod, err == nil, err
}

func (p volumeTypesCheck) violations(ctx context.Context, pod PodTemplate) []handler.Violation {
	var violations []handler.Violation
	mounts, own := mountsOf(containersOf(pod)), imageParts(pod, isNoDebug)
	var rest []string // parts of those that are not told apart; the images are those of the others
	for i, volume := range heeded(ctx, pod.Spec.Volumes) {
		t := volumeType(&volume.VolumeSource)
		if slices.Contains(p.Allowed, t) {
			continue
		}
		// What it mounts must not change, nor where it is mounted.
		parts := append([]string{sourceDigest(&volume)}, mounts[volume.Name]...)
		delete(mounts, volume.Name)
		if len(violations) == maxLocated {
			rest = append(rest, parts...)
			continue
		}
		violations = append(violations, riskOf(slices.Concat(own, parts), pod.Path.Child("volumes").Index(i),
			"volume %q is of type %s; %s", brief(volume.Name), t, allowedList(p.Allowed)))
	}
	if len(rest) > 0 {
		violations = append(violations, riskOf(rest, pod.Path.Child("volumes"),
			"volumes beyond the first %d are of other types as well; %s", maxLocated, allowedList(p.Allowed)))
	}
	return violations
}

// sourceDigest stands for what a volume is. String would take the square of the number of a flexVolume's options.
func sourceDigest(volume *corev1.Volume) string {
	text, err := json.Marshal(&volume.VolumeSource)
	if err != nil {
		return digest(volume.Name) // There is nothing in it that cannot be written.
	}
	return digest(volume.Name, string(text))
}

// volumeType is the field that a volume has. One without any is an emptyDir where the API server has not filled that
// in; in a review, where it has, it is of a type that is newer than this program.
func volumeType(source *corev1.VolumeSource) string {
	v := reflect.ValueOf(source).Elem()
	for i := range v.NumField() {
		if !v.Field(i).IsNil() {
			name, _, _ := strings.Cut(v.Type().Field(i).Tag.Get("json"), ",")
			return name
		}
	}
	return "unknown"
}
