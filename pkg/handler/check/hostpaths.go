// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package check

import (
	"context"
	"path"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/hookstrap/hookstrap/pkg/handler"
)

// hostPathsCheck denies Pods that mount directories or files of their node.
type hostPathsCheck struct {
	// Allowed are the places that may be mounted, with all that is below them. Without any, none may.
	Allowed []allowedHostPath `json:"allowed,omitempty"`
}

// allowedHostPath is a place on a node.
type allowedHostPath struct {
	// Path is an absolute path. /var/log stands for itself and all below it, and not for /var/logs.
	Path string `json:"path"`
	// ReadOnly admits the place only if every container mounts it with readOnly: true.
	ReadOnly bool `json:"readOnly,omitempty"`
}

func hostPathsDefinition() handler.Definition {
	return definePodsOf(hostPathsOf, "hostPaths", handler.Doc{
		Summary: "Pods mount no directories of their node, or only allowed ones.",
		Why: "Who writes to the node's files owns the node, and who reads them reads the secrets of all Pods on it. " +
			"Allow narrow paths, and read-only ones: a symbolic link in a writable place leads everywhere.",
	}, no[hostPathsCheck])
}

// Validate implements [handler.Validator].
func (p hostPathsCheck) Validate(at *field.Path) field.ErrorList {
	var errs field.ErrorList
	for i, allowed := range p.Allowed {
		if !path.IsAbs(allowed.Path) || climbs(allowed.Path) {
			errs = append(errs, field.Invalid(at.Child("allowed").Index(i).Child("path"), allowed.Path,
				`must be an absolute path without "..", such as /var/log`))
		}
	}
	return errs
}

// hostPathsOf reads mounts only of Pods that mount something of their node.
func hostPathsOf(req *handler.Request) (PodTemplate, bool, error) {
	ofNode := func(v corev1.Volume) bool { return v.HostPath != nil }
	pod, ok, err := podOf(req)
	if err != nil || !ok || !slices.ContainsFunc(pod.Spec.Volumes, ofNode) {
		return pod, ok, err
	}
	pod, err = withMounts(req, pod)
	return pod, err == nil, err
}

func (p hostPathsCheck) violations(ctx context.Context, pod PodTemplate) []handler.Violation {
	var violations []handler.Violation
	containers := containersOf(pod)
	mounts, own := mountsOf(containers), imageParts(pod, isNoDebug)
	readOnly := map[string]string{}
	var rest []int
	for i, volume := range heeded(ctx, pod.Spec.Volumes) {
		if volume.HostPath == nil {
			continue
		}
		switch forReading, ok := p.allow(volume.HostPath.Path); {
		case ok && forReading:
			readOnly[volume.Name] = brief(volume.HostPath.Path)
		case ok:
		case len(violations) == maxLocated:
			rest = append(rest, i)
		default:
			v := riskOf(own, pod.Path.Child("volumes").Index(i).Child("hostPath", "path"),
				"volume %q mounts %q of the node; %s", volume.Name, volume.HostPath.Path, p.advice())
			// What was mounted for reading, or by one container, must not become writable or reach others.
			v.Parts = slices.Concat(v.Parts, mounts[volume.Name])
			violations = append(violations, v)
		}
	}
	if len(rest) > 0 {
		violations = append(violations, p.restOf(pod, own, rest, mounts))
	}
	return append(violations, writable(ctx, containers, readOnly)...)
}

// restOf is one violation for the volumes that are not told apart: each would have all containers of the Pod among its
// parts. An update may take any of them away.
func (p hostPathsCheck) restOf(
	pod PodTemplate, own []string, rest []int, mounts map[string][]string,
) handler.Violation {
	v := riskOf(own, pod.Path.Child("volumes"), "volumes beyond the first %d mount paths of the node; %s", maxLocated,
		p.advice())
	v.Parts = slices.Clone(v.Parts)
	for _, i := range rest {
		volume := &pod.Spec.Volumes[i]
		v.Parts = append(append(v.Parts, digest("volume", volume.Name, volume.HostPath.Path)), mounts[volume.Name]...)
		delete(mounts, volume.Name)
	}
	return v
}

// allow says whether the path may be mounted, and whether for reading only.
func (p hostPathsCheck) allow(wanted string) (readOnly, ok bool) {
	if climbs(wanted) {
		return false, false
	}
	for _, allowed := range p.Allowed {
		if !below(path.Clean(wanted), path.Clean(allowed.Path)) {
			continue
		}
		if !allowed.ReadOnly {
			return false, true
		}
		readOnly, ok = true, true
	}
	return readOnly, ok
}

// climbs says whether a path goes up somewhere. With a symbolic link before it, it is unknown where that leads.
func climbs(p string) bool { return slices.Contains(strings.Split(p, "/"), "..") }

// below says whether clean path p is the clean path dir, or in it.
func below(p, dir string) bool {
	return p == dir || strings.HasPrefix(p, strings.TrimSuffix(dir, "/")+"/")
}

// writable has a violation for each mount that can be written to, of volumes whose paths of the node are for reading.
func writable(ctx context.Context, containers []podContainer, readOnly map[string]string) []handler.Violation {
	var violations []handler.Violation
	for n := range containers {
		c := &containers[n]
		for i, mount := range heeded(ctx, c.VolumeMounts) {
			if path, ok := readOnly[mount.Name]; ok && !mount.ReadOnly {
				violations = append(violations, c.riskf(c.path().Child("volumeMounts").Index(i).Child("readOnly"),
					"mounts %q of the node for writing; set readOnly: true", path))
			}
		}
	}
	return violations
}

func (p hostPathsCheck) advice() string {
	if len(p.Allowed) == 0 {
		return "use another kind of volume"
	}
	var places []string
	for _, allowed := range p.Allowed {
		places = append(places, allowed.Path)
	}
	return allowedList(places)
}
