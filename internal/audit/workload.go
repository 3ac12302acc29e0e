// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package audit

import (
	"bytes"
	"encoding/json"
	"maps"
	"strings"

	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/utils/ptr"
	kjson "sigs.k8s.io/json"
)

// workload is how a kind of Kubernetes makes its Pods.
type workload struct {
	template string                  // where the template of its Pods is
	maker    schema.GroupVersionKind // whose controller makes the Pods: the kind itself, or one between
}

// workloadOf returns false for a kind that makes no Pods.
func workloadOf(kind schema.GroupVersionKind) (workload, bool) {
	apps, batch := schema.GroupVersion{Group: "apps", Version: "v1"}, schema.GroupVersion{Group: "batch", Version: "v1"}
	switch kind.GroupKind() {
	case schema.GroupKind{Group: "apps", Kind: "Deployment"}:
		return workload{"spec.template", apps.WithKind("ReplicaSet")}, true
	case schema.GroupKind{Group: "apps", Kind: "ReplicaSet"}, schema.GroupKind{Group: "apps", Kind: "StatefulSet"},
		schema.GroupKind{Group: "apps", Kind: "DaemonSet"}, schema.GroupKind{Group: "batch", Kind: "Job"},
		schema.GroupKind{Kind: "ReplicationController"}:
		return workload{"spec.template", kind}, true
	case schema.GroupKind{Group: "batch", Kind: "CronJob"}:
		return workload{"spec.jobTemplate.spec.template", batch.WithKind("Job")}, true
	}
	return workload{}, false
}

// isIn says whether a field is in the template.
func (w workload) isIn(field string) bool {
	return w.template != "" && strings.HasPrefix(field, w.template)
}

// inTemplate is the field of a Pod, or a text that begins with one, as a field of the workload.
func (w workload) inTemplate(field string) string {
	if strings.HasPrefix(field, "spec.") || strings.HasPrefix(field, "metadata.") {
		return w.template + "." + field
	}
	return field
}

// controllerUser is the user as whom the controller of a kind creates objects; empty if it is not one of Kubernetes.
func controllerUser(kind schema.GroupKind) authenticationv1.UserInfo {
	account := map[schema.GroupKind]string{
		{Group: "apps", Kind: "DaemonSet"}:   "daemon-set-controller",
		{Group: "apps", Kind: "StatefulSet"}: "statefulset-controller",
		{Group: "apps", Kind: "Deployment"}:  "deployment-controller",
		{Group: "apps", Kind: "ReplicaSet"}:  "replicaset-controller",
		{Kind: "ReplicationController"}:      "replication-controller", {Group: "batch", Kind: "Job"}: "job-controller",
		{Group: "batch", Kind: "CronJob"}: "cronjob-controller",
	}[kind]
	if account == "" {
		return authenticationv1.UserInfo{}
	}
	return authenticationv1.UserInfo{
		Username: "system:serviceaccount:kube-system:" + account,
		Groups:   []string{"system:serviceaccounts", "system:serviceaccounts:kube-system", "system:authenticated"},
	}
}

// template is what is read of a workload.
type template struct {
	Metadata metav1.ObjectMeta `json:"metadata"`
	Spec     json.RawMessage   `json:"spec"`
}

// pod is the Pod that a workload makes next, as the API server is asked to create it, with the labels that it has. It
// is nil for a workload without a template.
func (w workload) pod(owner Object, raw []byte) (pod []byte, labels map[string]string, err error) {
	var object struct {
		Spec struct {
			Template    *template `json:"template"`
			JobTemplate struct {
				Spec struct {
					Template *template `json:"template"`
				} `json:"spec"`
			} `json:"jobTemplate"`
		} `json:"spec"`
	}
	if err := kjson.UnmarshalCaseSensitivePreserveInts(raw, &object); err != nil {
		return nil, nil, err
	}
	found := object.Spec.Template
	if found == nil {
		found = object.Spec.JobTemplate.Spec.Template
	}
	if found == nil {
		return nil, nil, nil
	}
	maker := owner.Name
	found.Metadata.Namespace = owner.Namespace
	if w.maker.GroupKind() != owner.Kind.GroupKind() {
		maker += "-0" // as a ReplicaSet or a Job is called that is made for the owner
	}
	if owner.Kind.Kind == "Deployment" {
		found.Metadata.Labels = maps.Clone(found.Metadata.Labels)
		if found.Metadata.Labels == nil {
			found.Metadata.Labels = map[string]string{}
		}
		found.Metadata.Labels["pod-template-hash"] = "0"
	}
	found.Metadata.Name, found.Metadata.GenerateName = "", maker+"-"
	found.Metadata.OwnerReferences = []metav1.OwnerReference{{
		APIVersion: w.maker.GroupVersion().String(), Kind: w.maker.Kind, Name: maker, Controller: ptr.To(true),
	}}
	pod, err = json.Marshal(struct {
		metav1.TypeMeta `json:",inline"`
		template        `json:",inline"`
	}{metav1.TypeMeta{APIVersion: corev1.SchemeGroupVersion.String(), Kind: "Pod"}, *found})
	return pod, found.Metadata.Labels, err
}

// again is a Pod as it is created again: without the containers that are added to debug it.
func again(raw []byte) []byte {
	const debug = "ephemeralContainers"
	if !bytes.Contains(raw, []byte(`"`+debug+`"`)) {
		return raw
	}
	var fields map[string]any
	if err := kjson.UnmarshalCaseSensitivePreserveInts(raw, &fields); err != nil {
		return raw
	}
	if spec, ok := fields["spec"].(map[string]any); ok {
		delete(spec, debug)
	}
	if changed, err := json.Marshal(fields); err == nil {
		return changed
	}
	return raw
}
