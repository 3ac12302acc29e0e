// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package check_test

import (
	"context"
	"fmt"

	admissionv1 "k8s.io/api/admission/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/hookstrap/hookstrap/pkg/handler"
	"github.com/hookstrap/hookstrap/pkg/handler/check"
)

// A check can be asked without a server.
func ExampleImageTag() {
	req := handler.NewRequest(admissionv1.AdmissionRequest{
		Kind:   metav1.GroupVersionKind{Version: "v1", Kind: "Pod"},
		Object: runtime.RawExtension{Raw: []byte(`{"spec":{"containers":[{"name":"web","image":"reg:5000/app"}]}}`)},
	})
	violations, err := check.ImageTag{}.Evaluate(context.Background(), req)
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, v := range violations {
		fmt.Println(v.Field)
		fmt.Println(v.Message)
	}
	// Output:
	// spec.containers[0].image
	// container "web": image "reg:5000/app" has no tag, which means "latest"; add one, as in reg:5000/app:1.2.3
}

// An image reference, written out.
func ExampleParseReference() {
	ref, err := check.ParseReference("nginx:1.29")
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(ref.Domain, ref.Path, ref.Tag)
	// Output: docker.io library/nginx 1.29
}
