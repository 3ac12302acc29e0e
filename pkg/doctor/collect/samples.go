// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package collect

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/hookstrap/hookstrap/internal/asked"
	"github.com/hookstrap/hookstrap/pkg/doctor"
)

// sample is an object that every API server takes, and that does nothing if it is created after all.
type sample struct {
	resource   schema.GroupVersionResource
	kind       string
	cluster    bool   // it has no namespace
	rest, spec string // JSON: the fields beside metadata, and spec
}

// samples are the kinds that can be built, the most harmless first. Objects of other kinds have fields that are not
// known here.
func samples() []sample {
	const (
		pod = `{"restartPolicy":"Never","automountServiceAccountToken":false,"securityContext":{"runAsNonRoot":true,` +
			`"runAsUser":65534,"seccompProfile":{"type":"RuntimeDefault"}},"containers":[{"name":"probe",` +
			`"image":"registry.k8s.io/pause:3.10","resources":{"requests":{"cpu":"1m","memory":"1Mi"},"limits":{"cpu":"1m",` +
			`"memory":"1Mi"}},"securityContext":{"allowPrivilegeEscalation":false,"readOnlyRootFilesystem":true,` +
			`"capabilities":{"drop":["ALL"]}}}]}`
		set = `{"metadata":{"labels":{"webhook-doctor":"probe"}},"spec":%s}`
		by  = `"selector":{"matchLabels":{"webhook-doctor":"probe"}}`
	)
	always := fmt.Sprintf(set, strings.Replace(pod, "Never", "Always", 1))
	job := `{"suspend":true,"template":` + fmt.Sprintf(set, pod) + `}`
	v1 := func(group, resource string) schema.GroupVersionResource {
		return schema.GroupVersionResource{Group: group, Version: "v1", Resource: resource}
	}
	return []sample{
		{resource: v1("", "configmaps"), kind: "ConfigMap"},
		{resource: v1("", "secrets"), kind: "Secret"},
		{resource: v1("", "serviceaccounts"), kind: "ServiceAccount"},
		{resource: v1("coordination.k8s.io", "leases"), kind: "Lease"},
		{resource: v1("rbac.authorization.k8s.io", "roles"), kind: "Role", rest: `{"rules":[]}`},
		{resource: v1("networking.k8s.io", "networkpolicies"), kind: "NetworkPolicy",
			spec: `{"podSelector":{"matchLabels":{"webhook-doctor":"probe"}}}`},
		{resource: v1("policy", "poddisruptionbudgets"), kind: "PodDisruptionBudget",
			spec: `{"maxUnavailable":1,` + by + `}`},
		{resource: v1("", "services"), kind: "Service", spec: `{"clusterIP":"None","ports":[{"port":443}]}`},
		{resource: v1("networking.k8s.io", "ingresses"), kind: "Ingress",
			spec: `{"defaultBackend":{"service":{"name":"webhook-doctor-probe","port":{"number":443}}}}`},
		{resource: v1("discovery.k8s.io", "endpointslices"), kind: "EndpointSlice",
			rest: `{"addressType":"IPv4","endpoints":[]}`},
		{resource: v1("", "persistentvolumeclaims"), kind: "PersistentVolumeClaim",
			spec: `{"accessModes":["ReadWriteOnce"],"resources":{"requests":{"storage":"1Mi"}}}`},
		{resource: v1("apps", "deployments"), kind: "Deployment",
			spec: `{"replicas":0,` + by + `,"template":` + always + `}`},
		{resource: v1("apps", "statefulsets"), kind: "StatefulSet",
			spec: `{"replicas":0,"serviceName":"probe",` + by + `,"template":` + always + `}`},
		{resource: v1("apps", "replicasets"), kind: "ReplicaSet",
			spec: `{"replicas":0,` + by + `,"template":` + always + `}`},
		{resource: v1("batch", "jobs"), kind: "Job", spec: job},
		{resource: v1("batch", "cronjobs"), kind: "CronJob",
			spec: `{"schedule":"0 0 1 1 *","suspend":true,"jobTemplate":{"spec":` + job + `}}`},
		{resource: v1("apps", "daemonsets"), kind: "DaemonSet", spec: `{` + by + `,"template":` + always + `}`},
		{resource: v1("", "pods"), kind: "Pod", spec: pod},
		{resource: v1("rbac.authorization.k8s.io", "clusterroles"), kind: "ClusterRole", cluster: true, rest: `{"rules":[]}`},
		{resource: v1("", "namespaces"), kind: "Namespace", cluster: true},
	}
}

// request is a sample in a namespace, with labels.
type request struct {
	sample
	namespace string
	labels    map[string]string
}

// String is the request in words.
func (r request) String() string {
	if r.cluster {
		return "the dry-run creation of a " + r.kind
	}
	return fmt.Sprintf("the dry-run creation of a %s in namespace %s", r.kind, r.namespace)
}

// path is where it is sent to.
func (r request) path() string {
	path := "/api/v1"
	if r.resource.Group != "" {
		path = "/apis/" + r.resource.Group + "/" + r.resource.Version
	}
	if !r.cluster {
		path += "/namespaces/" + r.namespace
	}
	return path + "/" + r.resource.Resource
}

// body is the object as JSON.
func (r request) body() ([]byte, error) {
	object := map[string]any{}
	if r.rest != "" {
		if err := json.Unmarshal([]byte(r.rest), &object); err != nil {
			return nil, fmt.Errorf("reading the sample of a %s: %w", r.kind, err)
		}
	}
	if r.spec != "" {
		object["spec"] = json.RawMessage(r.spec)
	}
	object["apiVersion"], object["kind"] = r.resource.GroupVersion().String(), r.kind
	object["metadata"] = map[string]any{"generateName": "webhook-doctor-probe-", "labels": r.labels}
	return json.Marshal(object)
}

// requestFor finds a sample that the rules and selectors of an entry match.
func (p probing) requestFor(e *doctor.Entry) (request, bool) {
	of, err := asked.Of(admissionregistrationv1.ValidatingWebhookConfiguration{
		Webhooks: []admissionregistrationv1.ValidatingWebhook{*e.Rules}})
	if err != nil || len(e.Rules.Rules) == 0 {
		return request{}, false
	}
	namespaces, known := p.probedNamespaces(e)
	set := labelsFor(e.Rules.ObjectSelector)
	for _, s := range samples() {
		in := namespaces
		with := []map[string]string{set}
		if s.cluster {
			in = []string{""}
		}
		if s.kind == "Namespace" { // Its own labels are those that the selector is about.
			with = append(with, labels.Merge(set, labelsFor(e.Rules.NamespaceSelector)))
		}
		for _, namespace := range in {
			for _, l := range with {
				object := asked.Object{Resources: []schema.GroupVersionResource{s.resource}, Namespace: namespace, Labels: l}
				if _, ok := of.About(object, admissionregistrationv1.Create, known); ok {
					return request{s, namespace, l}, true
				}
			}
		}
	}
	return request{}, false
}

// probedNamespaces are those in which objects may be tried: those of the cluster's own components come last. Without
// the right to list them, default and that of the server are all that are known.
func (p probing) probedNamespaces(e *doctor.Entry) (names []string, known map[string]labels.Set) {
	known = map[string]labels.Set{}
	for _, n := range p.facts.Namespaces {
		if n.Status.Phase != corev1.NamespaceTerminating {
			known[n.Name] = labels.Merge(labels.Set{corev1.LabelMetadataName: n.Name}, n.Labels)
			names = append(names, n.Name)
		}
	}
	if len(names) == 0 {
		names = []string{metav1.NamespaceDefault}
		if s := e.ClientConfig.Service; s != nil {
			names = append(names, s.Namespace)
		}
	}
	rank := func(name string) int {
		switch {
		case name == metav1.NamespaceDefault:
			return 0
		case strings.HasPrefix(name, "kube-"):
			return 2
		}
		return 1
	}
	slices.SortFunc(names, func(a, b string) int { return cmp.Or(rank(a)-rank(b), cmp.Compare(a, b)) })
	return names, known
}

// labelsFor are labels that a selector is likely to match.
func labelsFor(s *metav1.LabelSelector) map[string]string {
	if s == nil {
		return nil
	}
	set := labels.Merge(nil, s.MatchLabels)
	for _, r := range s.MatchExpressions {
		switch {
		case r.Operator == metav1.LabelSelectorOpIn && len(r.Values) > 0:
			set[r.Key] = r.Values[0]
		case r.Operator == metav1.LabelSelectorOpExists:
			set[r.Key] = "true"
		}
	}
	delete(set, corev1.LabelMetadataName) // The API server sets it itself.
	return set
}
