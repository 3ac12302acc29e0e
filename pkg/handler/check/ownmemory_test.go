// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package check

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	admissionv1 "k8s.io/api/admission/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/hookstrap/hookstrap/pkg/handler"
	"github.com/hookstrap/hookstrap/test/sample"
)

// An update of a usual Pod is judged alike when others have taken all that is shared, whatever all the checks there are
// decode of it.
func TestUsualReviewsNeedNoSharedMemory(t *testing.T) {
	pod := sample.Pod(true, 20)
	for _, name := range []string{"b", "c", "d", "e"} {
		c := *pod.Spec.Containers[0].DeepCopy()
		c.Name = name
		pod.Spec.Containers = append(pod.Spec.Containers, c)
	}
	pod.Spec.Containers[0].Image = "vendor/app"
	pod.Spec.Containers[1].Resources.Limits = corev1.ResourceList{}
	req := handler.NewRequest(admissionv1.AdmissionRequest{
		UID: "1", Operation: admissionv1.Update, Name: pod.Name, Namespace: pod.Namespace,
		Kind: metav1.GroupVersionKind{Version: "v1", Kind: "Pod"}, Resource: metav1.GroupVersionResource{Version: "v1", Resource: "pods"},
		OldObject: rawOf(t, pod),
	})
	pod.Spec.Containers[0].Image, pod.Spec.Containers[2].Image = "evil/app", "other"
	req.AdmissionRequest.Object = rawOf(t, pod)

	var entries []handler.Entry
	for _, d := range Definitions() {
		if len(d.Validate(field.NewPath(d.Name), d.NewParameters())) > 0 {
			continue // It needs to be told more.
		}
		entries = append(entries, handler.Entry{
			Check: built(t, d, "", &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: pod.Namespace}}),
			Mode:  handler.Deny, Exempt: handler.Exemptions{Images: []string{"vendor/*"}},
		})
	}
	if len(entries) < 20 {
		t.Fatalf("these are %d checks", len(entries))
	}
	want := answerOf(t, handler.Options{Entries: entries}, req)
	if want.Allowed || strings.Contains(want.Result.Message, "failed") {
		t.Fatalf("got %v", want)
	}
	got := answerOf(t, handler.Options{Entries: entries, Limits: handler.Limits{Decoded: 1}}, req)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("of %d bytes (-with more memory +with its own):\n%s", len(req.AdmissionRequest.Object.Raw), diff)
	}
}

func rawOf(t *testing.T, pod *corev1.Pod) runtime.RawExtension {
	t.Helper()
	text, err := json.Marshal(pod)
	if err != nil {
		t.Fatal(err)
	}
	return runtime.RawExtension{Raw: text}
}
