// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package doctor

import (
	"crypto/x509"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/version"
)

// Facts are what is known of a cluster. Objects need only have the fields that are judged: metadata, the ports and
// selectors of Services, the containers, volumes and conditions of Pods, the templates of workloads. None is changed.
type Facts struct {
	// Now is the time of the judgment.
	Now time.Time
	// Entries are the places from which an API server calls a webhook, those that are judged.
	Entries []Entry
	// All are the entries of the whole cluster; a cold start needs those that are not judged as well.
	All []Entry

	Services       []*corev1.Service
	EndpointSlices []*discoveryv1.EndpointSlice
	Pods           []*corev1.Pod
	Policies       []*networkingv1.NetworkPolicy
	Namespaces     []*corev1.Namespace
	DaemonSets     []*appsv1.DaemonSet
	Deployments    []*appsv1.Deployment
	StatefulSets   []*appsv1.StatefulSet

	// Handshakes are those that were made, by [Entry.Destination].
	Handshakes map[string][]Handshake
	// Stored are the CAs that the Secrets of an entry's annotations have, by the annotated object.
	Stored map[Object]StoredCA
	// Mounted are the CAs of the Secrets that the Pods of a server mount, by [Entry.Destination].
	Mounted map[string][]StoredCA
	// PutBack are how often the caBundle of an object was seen to be put back to what it was before: see [History].
	PutBack map[Object]int
	// Probes are requests that were sent so that the API server calls entries; Counts are from its metrics.
	Probes map[Called]Probe
	Counts map[Counted]Count
	// Version is that of Kubernetes which the API server says it has, major and minor; nil if that is not known.
	Version *version.Version
	// APIServers are the Pods of kube-apiserver that may be read.
	APIServers []APIServer
	// Unread is what could not be read. What depends on it is not judged.
	Unread []Unread
	// Offline are facts from manifests: there are no endpoints, Pods and handshakes, and no caBundle yet.
	Offline bool
}

// Object names an object of the API.
type Object struct {
	Kind      string `json:"kind"`
	Namespace string `json:"namespace,omitempty"`
	Name      string `json:"name"`
}

// String is KIND "NAME", with the namespace in front of the name if there is one.
func (o Object) String() string {
	if o.Namespace != "" {
		return o.Kind + " " + o.Namespace + "/" + o.Name
	}
	return o.Kind + ` "` + o.Name + `"`
}

// Stage is how far a handshake came.
type Stage int

// The stages, from the first to the last.
const (
	// Unreached is a server to which there was no way from here, which says nothing about the way of the API server.
	Unreached Stage = iota
	// Refused is a connection that the server's host refused, or that was not accepted in time.
	Refused
	// Failed is a handshake that ended with an error.
	Failed
	// Done is a handshake that showed a certificate.
	Done
)

// Handshake is one TLS handshake with a server, without verification: the verdict is [Examine]'s.
type Handshake struct {
	// Pod is the server's; empty for a server that was dialed by its address.
	Pod types.NamespacedName
	// Address is what was dialed, as HOST:PORT, or the port of the Pod.
	Address string
	Stage   Stage
	// Err is why it did not get further; nil if Stage is Done.
	Err error
	// Chain is what the server presented, the leaf first.
	Chain []*x509.Certificate
}

// where names the server in sentences.
func (h Handshake) where() string {
	if h.Pod.Name != "" {
		return "Pod " + h.Pod.String() + ", port " + h.Address
	}
	return h.Address
}

// StoredCA is a CA in a Secret that a controller is told to copy into a caBundle, or that a server reads.
type StoredCA struct {
	// Secret is where it is, as NAMESPACE/NAME.
	Secret string
	// CA is ca.crt of the Secret, PEM, or what Key says, if it is not empty.
	CA  []byte
	Key string
	// Leaf is tls.crt of the Secret, or cert, PEM.
	Leaf []byte
}

// Unread is something that could not be read.
type Unread struct {
	// Resource is what RBAC calls it, such as services; Namespace is empty for all namespaces.
	Resource  string `json:"resource"`
	Namespace string `json:"namespace,omitempty"`
	// Reason is one sentence: what failed, and what to do.
	Reason string `json:"reason"`
	// Minor is what could only have added to the verdict. It does not count as something that could not be judged.
	Minor bool `json:"minor,omitempty"`
}

// knows says whether a resource of a namespace was read.
func (f *Facts) knows(resource, namespace string) bool {
	for _, u := range f.Unread {
		if !u.Minor && u.Resource == resource && (u.Namespace == "" || u.Namespace == namespace) {
			return false
		}
	}
	return true
}

// atLeast says whether Kubernetes is of 1.MINOR or later, and whether that is known.
func (f *Facts) atLeast(minor uint) (is, known bool) {
	return f.Version != nil && f.Version.AtLeast(version.MajorMinor(1, minor)), f.Version != nil
}

// workload is what makes Pods.
type workload struct {
	object Object
	labels map[string]string
	spec   *corev1.PodSpec
}

// workloads are all that are known.
func (f *Facts) workloads() []workload {
	var all []workload
	add := func(kind string, meta metav1.ObjectMeta, template *corev1.PodTemplateSpec) {
		all = append(all, workload{Object{kind, meta.Namespace, meta.Name}, template.Labels, &template.Spec})
	}
	for _, d := range f.Deployments {
		add("Deployment", d.ObjectMeta, &d.Spec.Template)
	}
	for _, d := range f.DaemonSets {
		add("DaemonSet", d.ObjectMeta, &d.Spec.Template)
	}
	for _, s := range f.StatefulSets {
		add("StatefulSet", s.ObjectMeta, &s.Spec.Template)
	}
	return all
}
