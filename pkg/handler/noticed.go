// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package handler

import (
	"fmt"

	admissionv1 "k8s.io/api/admission/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/validation"
)

// Noticed is what a check has denied, or found in mode [Audit], as it is of interest to the owner of the object.
type Noticed struct {
	// Regarding is an object in a namespace: the controller that the object names, such as the ReplicaSet of a Pod, or
	// else the object itself. Who creates an object can have it name any controller in its namespace, also one that does
	// not exist.
	Regarding corev1.ObjectReference
	// Denied says that the request was denied; otherwise it passed.
	Denied bool
	// Message is one line of less than 1,000 characters: the checks, and the first finding of the first of them.
	Message string
}

// mostNoticed is how long a message may be, in characters; that of an event may have 1,024.
const mostNoticed = 750

// notices are told to a function; nil tells none.
type notices func(Noticed)

// tell tells of findings, if there is an object that they can be told of. What is only tried changes nothing.
func (n notices) tell(req *Request, denied bool, checks, finding string) {
	if n == nil || req.DryRun != nil && *req.DryRun || isEvent(req) {
		return
	}
	regarding, ok := regarded(req, denied)
	if !ok {
		return
	}
	what := "is noted"
	if denied {
		what = "is denied"
	}
	text := fmt.Sprintf("%s of %s %s: %s: %s", req.Operation, req.Kind.Kind, what, checks, finding)
	n(Noticed{Regarding: regarding, Denied: denied, Message: clean(text, mostNoticed)})
}

// isEvent says whether an event about the request would lead to another one.
func isEvent(req *Request) bool {
	return req.Resource.Resource == "events" && (req.Resource.Group == "" || req.Resource.Group == "events.k8s.io")
}

// regarded is the object that findings are told of. What is denied before it exists is none, and its user is told.
func regarded(req *Request, denied bool) (corev1.ObjectReference, bool) {
	var metadata *metav1.ObjectMeta
	var err error
	switch req.Operation {
	case admissionv1.Create:
		metadata, err = Metadata(req)
	case admissionv1.Update, admissionv1.Delete:
		metadata, err = OldMetadata(req)
	default: // The object of a connection are its options.
		return corev1.ObjectReference{}, false
	}
	isNamespace := req.Resource.Group == "" && req.Resource.Resource == "namespaces"
	if err != nil || req.Namespace == "" || isNamespace || req.SubResource != "" {
		return corev1.ObjectReference{}, false
	}
	if ref := metav1.GetControllerOfNoCopy(metadata); ref != nil {
		return reference(req.Namespace, ref.Name, ref.UID, schema.FromAPIVersionAndKind(ref.APIVersion, ref.Kind))
	}
	if denied && req.Operation == admissionv1.Create {
		return corev1.ObjectReference{}, false
	}
	return reference(req.Namespace, metadata.Name, metadata.UID, schema.GroupVersionKind(req.Kind))
}

// reference refers to an object, unless no object can be called so: an API server bounds neither text.
func reference(namespace, name string, uid types.UID, kind schema.GroupVersionKind) (corev1.ObjectReference, bool) {
	apiVersion, kindName := kind.ToAPIVersionAndKind()
	ok := len(validation.IsDNS1123Subdomain(name)) == 0
	for _, text := range []string{apiVersion, kindName, string(uid)} {
		ok = ok && len(text) <= validation.DNS1123SubdomainMaxLength
	}
	return corev1.ObjectReference{
		APIVersion: apiVersion, Kind: kindName, Namespace: namespace, Name: name, UID: uid,
	}, ok
}
