// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package sample

import (
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/utils/ptr"
)

// container is a container that keeps to the restricted Pod Security Standard, with a few environment variables.
func container(name string, variables int) corev1.Container {
	c := corev1.Container{
		Name: name, Image: "registry.example.com:5000/shop/" + name + ":2026.5.1", ImagePullPolicy: corev1.PullIfNotPresent,
		Args: []string{"--listen=:8080"},
		Resources: corev1.ResourceRequirements{
			Requests: corev1.ResourceList{"cpu": resource.MustParse("100m"), "memory": resource.MustParse("128Mi")},
			Limits:   corev1.ResourceList{"memory": resource.MustParse("256Mi")},
		},
		VolumeMounts: []corev1.VolumeMount{
			{Name: "config", MountPath: "/etc/" + name, ReadOnly: true},
			{Name: "kube-api-access", MountPath: "/var/run/secrets/kubernetes.io/serviceaccount", ReadOnly: true},
		},
		TerminationMessagePath: "/dev/termination-log", TerminationMessagePolicy: corev1.TerminationMessageReadFile,
		SecurityContext: &corev1.SecurityContext{
			AllowPrivilegeEscalation: ptr.To(false), ReadOnlyRootFilesystem: ptr.To(true),
			Capabilities:   &corev1.Capabilities{Drop: []corev1.Capability{"ALL"}},
			SeccompProfile: &corev1.SeccompProfile{Type: corev1.SeccompProfileTypeRuntimeDefault},
		},
	}
	if variables > 0 {
		c.Ports = []corev1.ContainerPort{{Name: "http", ContainerPort: 8080, Protocol: corev1.ProtocolTCP}}
		c.ReadinessProbe = probe("/readyz")
	}
	for i := range variables {
		c.Env = append(c.Env, variable(i))
	}
	return c
}

func probe(path string) *corev1.Probe {
	return &corev1.Probe{
		ProbeHandler:  corev1.ProbeHandler{HTTPGet: &corev1.HTTPGetAction{Path: path, Port: intstr.FromString("http")}},
		PeriodSeconds: 10, TimeoutSeconds: 1, SuccessThreshold: 1, FailureThreshold: 3,
	}
}

// variable is an environment variable; every fourth has its value from a Secret.
func variable(i int) corev1.EnvVar {
	name := fmt.Sprintf("CHECKOUT_SETTING_%04d", i)
	if i%4 == 3 {
		ref := &corev1.SecretKeySelector{Key: "setting"}
		ref.Name = strings.ToLower(strings.ReplaceAll(name, "_", "-"))
		return corev1.EnvVar{Name: name, ValueFrom: &corev1.EnvVarSource{SecretKeyRef: ref}}
	}
	return corev1.EnvVar{Name: name, Value: "https://payments.example.com/v2/accounts?region=eu&tier=<gold>"}
}

func configVolume() corev1.Volume {
	source := &corev1.ConfigMapVolumeSource{DefaultMode: ptr.To(int32(0o644))}
	source.Name = "checkout"
	return corev1.Volume{Name: "config", VolumeSource: corev1.VolumeSource{ConfigMap: source}}
}

// tokenVolume is the volume that the API server adds to every Pod.
func tokenVolume() corev1.Volume {
	ca := &corev1.ConfigMapProjection{Items: []corev1.KeyToPath{{Key: "ca.crt", Path: "ca.crt"}}}
	ca.Name = "kube-root-ca.crt"
	projected := &corev1.ProjectedVolumeSource{
		DefaultMode: ptr.To(int32(0o644)),
		Sources: []corev1.VolumeProjection{
			{ServiceAccountToken: &corev1.ServiceAccountTokenProjection{ExpirationSeconds: ptr.To(int64(3607)), Path: "token"}},
			{ConfigMap: ca},
		},
	}
	return corev1.Volume{Name: "kube-api-access", VolumeSource: corev1.VolumeSource{Projected: projected}}
}

func status(pod *corev1.Pod) corev1.PodStatus {
	at := stamp()
	s := corev1.PodStatus{
		Phase: corev1.PodRunning, HostIP: "10.0.0.7", PodIP: "10.244.1.12", StartTime: &at, QOSClass: corev1.PodQOSBurstable,
	}
	for _, kind := range []corev1.PodConditionType{corev1.PodScheduled, corev1.PodReady} {
		condition := corev1.PodCondition{Type: kind, Status: corev1.ConditionTrue, LastTransitionTime: at}
		s.Conditions = append(s.Conditions, condition)
	}
	for _, c := range pod.Spec.Containers {
		s.ContainerStatuses = append(s.ContainerStatuses, corev1.ContainerStatus{
			Name: c.Name, Ready: true, Started: ptr.To(true), Image: c.Image,
			ImageID:     "registry.example.com:5000/shop@sha256:" + strings.Repeat("0123456789abcdef", 4),
			ContainerID: "containerd://" + strings.Repeat("fedcba9876543210", 4),
			State:       corev1.ContainerState{Running: &corev1.ContainerStateRunning{StartedAt: at}},
		})
	}
	return s
}
