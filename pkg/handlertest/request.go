// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package handlertest

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	admissionv1 "k8s.io/api/admission/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/yaml"
)

// byteOrderMark is what some editors put before a text.
const byteOrderMark = "\ufeff"

// objectsOf are the documents of a manifest, in JSON. Those with nothing but comments are none.
func objectsOf(manifest string) ([][]byte, error) {
	var objects [][]byte
	for document := range strings.SplitSeq("\n"+strings.TrimPrefix(manifest, byteOrderMark), "\n---") {
		object, err := yaml.YAMLToJSON([]byte(document))
		if err != nil {
			return nil, err
		}
		if string(object) != "null" {
			objects = append(objects, object)
		}
	}
	return objects, nil
}

// requestOf makes a request of a manifest, a create or an update.
func requestOf(manifest string) (req admissionv1.AdmissionRequest, err error) {
	objects, err := objectsOf(manifest)
	if err != nil {
		return req, err
	}
	switch len(objects) {
	case 1:
		return requestFor(objects[0], nil)
	case 2:
		return requestFor(objects[1], objects[0])
	}
	return req, fmt.Errorf("%d documents: write one for a create, two for an update", len(objects))
}

// requestFor is the request that an API server would send for the creation of an object, or its update if there is an
// old one.
func requestFor(object, old []byte) (req admissionv1.AdmissionRequest, err error) {
	var head struct {
		metav1.PartialObjectMetadata `json:""`
		Items                        []json.RawMessage `json:"items"`
	}
	if err := json.Unmarshal(object, &head); err != nil {
		return req, err
	}
	switch {
	case head.APIVersion == "" || head.Kind == "":
		return req, errors.New("it is no object of Kubernetes: it lacks apiVersion or kind")
	case head.Items != nil && strings.HasSuffix(head.Kind, "List"):
		return req, fmt.Errorf("it is a %s, which no webhook is asked about: write each of its items by itself", head.Kind)
	}
	kind := schema.FromAPIVersionAndKind(head.APIVersion, head.Kind)
	resource, _ := meta.UnsafeGuessKindToResource(kind)
	req = admissionv1.AdmissionRequest{
		Kind: metav1.GroupVersionKind(kind), Resource: metav1.GroupVersionResource(resource), Name: head.Name,
		Namespace: head.Namespace, Operation: admissionv1.Create, Object: runtime.RawExtension{Raw: object},
	}
	if kind.GroupKind() == (schema.GroupKind{Kind: "Namespace"}) {
		req.Namespace = head.Name // a Namespace is in itself
	}
	if old != nil {
		req.Operation, req.OldObject = admissionv1.Update, runtime.RawExtension{Raw: old}
	}
	return req, nil
}
