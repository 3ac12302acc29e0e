// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/hookstrap/hookstrap/pkg/handler"
)

// boxV1 is a Box of version v1, whose size is a text such as 3x4.
type boxV1 struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata"`

	Spec struct {
		Size string `json:"size"`
	} `json:"spec"`
}

// boxV2 is a Box of version v2, which is stored.
type boxV2 struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata"`

	Spec struct {
		Width  int64 `json:"width"`
		Height int64 `json:"height"`
	} `json:"spec"`
}

// boxes converts Boxes by way of v2. The metadata is carried over by itself.
func boxes() *handler.Conversion {
	return handler.ConvertFor(schema.GroupVersionKind{Group: "example.com", Version: "v2", Kind: "Box"},
		handler.SpokeFor("v1", toV2, toV1))
}

func toV2(_ context.Context, from *boxV1, to *boxV2) error {
	if _, err := fmt.Sscanf(from.Spec.Size, "%dx%d", &to.Spec.Width, &to.Spec.Height); err != nil {
		return fmt.Errorf("reading spec.size, such as 3x4: %w", err)
	}
	return nil
}

func toV1(_ context.Context, from *boxV2, to *boxV1) error {
	to.Spec.Size = fmt.Sprintf("%dx%d", from.Spec.Width, from.Spec.Height)
	return nil
}
