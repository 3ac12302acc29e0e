// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"fmt"
	"net/http"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
)

// conversionReview is what this program needs of apiextensions.k8s.io/v1.
type conversionReview struct {
	metav1.TypeMeta `json:",inline"`
	Request         *conversionRequest  `json:"request,omitempty"`
	Response        *conversionResponse `json:"response,omitempty"`
}

type conversionRequest struct {
	UID               types.UID                   `json:"uid"`
	DesiredAPIVersion string                      `json:"desiredAPIVersion"`
	Objects           []unstructured.Unstructured `json:"objects"`
}

type conversionResponse struct {
	UID              types.UID                   `json:"uid"`
	ConvertedObjects []unstructured.Unstructured `json:"convertedObjects"`
	Result           metav1.Status               `json:"result"`
}

// answer converts the objects of a ConversionReview.
func answer(w http.ResponseWriter, r *http.Request) {
	var review conversionReview
	err := json.NewDecoder(http.MaxBytesReader(w, r.Body, 16<<20)).Decode(&review)
	if err != nil || review.Request == nil {
		http.Error(w, "this is no ConversionReview with a request", http.StatusBadRequest)
		return
	}
	review.Response = convertAll(review.Request)
	review.Request = nil
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(review) // The API server reports an answer that it did not get.
}

func convertAll(request *conversionRequest) *conversionResponse {
	response := &conversionResponse{UID: request.UID, Result: metav1.Status{Status: metav1.StatusSuccess}}
	for _, object := range request.Objects {
		if err := convert(&object, request.DesiredAPIVersion); err != nil {
			response.Result = metav1.Status{Status: metav1.StatusFailure, Message: err.Error()}
			return response
		}
		response.ConvertedObjects = append(response.ConvertedObjects, object)
	}
	return response
}

// convert changes a Box into one of another version, in place.
func convert(box *unstructured.Unstructured, version string) error {
	from := box.GetAPIVersion()
	if from == version {
		return nil
	}
	box.SetAPIVersion(version)
	spec, _, err := unstructured.NestedMap(box.Object, "spec")
	if err != nil {
		return fmt.Errorf("reading spec of Box %s: %w", box.GetName(), err)
	}
	var converted map[string]any
	switch version {
	case "example.com/v2":
		var width, height int64
		if _, err := fmt.Sscanf(fmt.Sprint(spec["size"]), "%dx%d", &width, &height); err != nil {
			return fmt.Errorf("reading spec.size of Box %s, such as 3x4: %w", box.GetName(), err)
		}
		converted = map[string]any{"width": width, "height": height}
	case "example.com/v1":
		converted = map[string]any{"size": fmt.Sprintf("%vx%v", spec["width"], spec["height"])}
	default:
		return fmt.Errorf("object Box %s cannot become one of version %s", box.GetName(), version)
	}
	return unstructured.SetNestedMap(box.Object, converted, "spec")
}
