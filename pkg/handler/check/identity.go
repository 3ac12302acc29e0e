// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package check

import (
	"crypto/sha256"
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"
)

// digest stands for values in the identity of a violation. There may be thousands of violations with the same values,
// which users may make as long as they like; so a digest is short, and code that needs it often keeps it.
func digest(values ...string) string {
	sum := sha256.Sum256(fmt.Appendf(nil, "%q", values)) // quoted, so that no value can look like two
	return string(sum[:])
}

// brief is a text as messages have it that may be many: as it is, or the beginning of it with its digest, so that what
// they take together stays in proportion to the object. Code that makes several of them calls it once.
func brief(text string) string {
	const most, shown = 253, 128 // as long as names of objects may be
	if len(text) <= most {
		return text
	}
	return strings.ToValidUTF8(text[:shown], "") + fmt.Sprintf("… (sha256 %x)", sha256.Sum256([]byte(text)))
}

// imageParts stand for which of the containers that count runs what. One that becomes a container of another sort runs
// at another time, and counts as another.
func imageParts(pod PodTemplate, counts func(*podContainer) bool) []string {
	containers := containersOf(pod)
	parts := make([]string, 0, len(containers))
	for i := range containers {
		if counts(&containers[i]) {
			parts = append(parts, containers[i].imagePart())
		}
	}
	return parts
}

// everyContainer counts all containers.
func everyContainer(*podContainer) bool { return true }

// isNoDebug counts containers that are not ephemeral. Those come when a Pod can hardly be changed any more, and are
// judged for themselves: what is wrong with the Pod around them counts if it is so for them, too.
func isNoDebug(c *podContainer) bool { return c.sort != ephemeral }

func (c *podContainer) imagePart() string { return digest(c.sort, c.Name, c.Image) }

// mountsOf says of each volume where it is mounted, by which container, and whether for reading only.
func mountsOf(containers []podContainer) map[string][]string {
	mounts := map[string][]string{}
	for _, c := range containers {
		for _, m := range c.VolumeMounts {
			mounts[m.Name] = append(mounts[m.Name],
				digest(m.Name, c.title, m.MountPath, m.SubPath, m.SubPathExpr, fmt.Sprint(m.ReadOnly)))
		}
	}
	return mounts
}

// dangerParts are what makes a Pod dangerous, whichever control it breaks: its images, the values of its SELinux
// options and sysctls, and its volumes with what mounts them.
func (t PodTemplate) dangerParts() []string {
	security := t.security()
	parts := append(imageParts(t, isNoDebug), seLinuxParts(security.SELinuxOptions)...)
	for _, sysctl := range security.Sysctls {
		parts = append(parts, digest("sysctl", sysctl.Name, sysctl.Value))
	}
	mounts := mountsOf(containersOf(t))
	for i := range t.Spec.Volumes {
		if v := &t.Spec.Volumes[i]; isForeign(v) {
			parts = append(append(parts, digest(v.String())), mounts[v.Name]...)
			delete(mounts, v.Name) // once is enough, should there be two of that name
		}
	}
	return parts
}

func seLinuxParts(options *corev1.SELinuxOptions) []string {
	if options == nil {
		return nil
	}
	var parts []string
	for _, option := range [][2]string{
		{"user", options.User}, {"role", options.Role}, {"type", options.Type}, {"level", options.Level},
	} {
		if option[1] != "" {
			parts = append(parts, digest("SELinux", option[0], option[1]))
		}
	}
	return parts
}

// isForeign says whether a volume is of a sort that the standards do not allow everywhere. The others change with
// every rollout, as ConfigMaps do that are named by what is in them.
func isForeign(v *corev1.Volume) bool {
	return v.EmptyDir == nil && v.ConfigMap == nil && v.Secret == nil && v.DownwardAPI == nil && v.Projected == nil &&
		v.PersistentVolumeClaim == nil && v.Ephemeral == nil && v.CSI == nil && v.Image == nil
}
