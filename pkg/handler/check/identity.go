// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package check

import (
	"crypto/sha256"
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
)

// digest stands for values in the identity of a violation. There may be thousands of violations with the same values,
// which users may make as long as they like; so a digest is short, and whoever needs it often keeps it.
func digest(values ...string) string {
	sum := sha256.Sum256(fmt.Appendf(nil, "%q", values)) // quoted, so that no value can look like two
	return string(sum[:])
}

// images stands for which container runs what, in whatever order.
func images(pod PodTemplate) string {
	var list []string
	for _, c := range containersOf(pod) {
		list = append(list, digest(c.Name, c.Image))
	}
	slices.Sort(list)
	return digest(list...)
}

// mountsOf says of each volume where it is mounted, by which container, and whether for reading only.
func mountsOf(containers []podContainer) map[string][]string {
	mounts := map[string][]string{}
	for _, c := range containers {
		for _, m := range c.VolumeMounts {
			mounts[m.Name] = append(mounts[m.Name],
				digest(c.Name, m.MountPath, m.SubPath, m.SubPathExpr, fmt.Sprint(m.ReadOnly)))
		}
	}
	for _, list := range mounts {
		slices.Sort(list)
	}
	return mounts
}

// unsaid stands for what makes a Pod dangerous and is not in the messages of the standards' library: they name volumes
// and sysctls, but neither what is mounted, by whom, nor which values are set.
func (t PodTemplate) unsaid() string {
	security := t.security()
	facts := []string{images(t), security.SELinuxOptions.String()}
	for _, sysctl := range security.Sysctls {
		facts = append(facts, sysctl.String())
	}
	slices.Sort(facts[2:])
	var volumes []string
	mounts := mountsOf(containersOf(t))
	for i := range t.Spec.Volumes {
		if v := &t.Spec.Volumes[i]; isForeign(v) {
			volumes = append(volumes, digest(append(slices.Clone(mounts[v.Name]), v.String())...))
		}
	}
	slices.Sort(volumes)
	return digest(digest(facts...), digest(volumes...))
}

// isForeign says whether a volume is of a sort that the standards do not allow everywhere. The others change with
// every rollout, as ConfigMaps do that are named by what is in them.
func isForeign(v *corev1.Volume) bool {
	return v.EmptyDir == nil && v.ConfigMap == nil && v.Secret == nil && v.DownwardAPI == nil && v.Projected == nil &&
		v.PersistentVolumeClaim == nil && v.Ephemeral == nil && v.CSI == nil && v.Image == nil
}
