// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package handler

import (
	"errors"
	"strings"
	"sync"
	"testing"

	admissionv1 "k8s.io/api/admission/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func TestObjectIsDecodedOncePerType(t *testing.T) {
	old := webPod()
	old.Labels = map[string]string{"is": "old"}
	req := NewRequest(updatePod(t, old, webPod()))

	pods := make([]*corev1.Pod, 8)
	var group sync.WaitGroup
	for i := range pods {
		group.Go(func() {
			pod, err := Object[corev1.Pod](req)
			if err != nil {
				t.Error(err)
			}
			pods[i] = pod
		})
	}
	group.Wait()
	for _, pod := range pods {
		if pod != pods[0] {
			t.Fatal("the object was decoded more than once")
		}
	}

	meta, err := Object[metav1.PartialObjectMetadata](req)
	if err != nil || meta.Name != "web" {
		t.Errorf("got %v, %v", meta, err)
	}
	before, err := OldObject[corev1.Pod](req)
	if err != nil || before.Labels["is"] != "old" || before == pods[0] {
		t.Errorf("got %v, %v", before, err)
	}
}

func TestObjectErrors(t *testing.T) {
	req := NewRequest(createPod(t, webPod()))
	if _, err := OldObject[corev1.Pod](req); !errors.Is(err, ErrNoObject) {
		t.Errorf("got %v, want ErrNoObject", err)
	}
	if _, err := Object[corev1.Pod](NewRequest(admissionv1.AdmissionRequest{})); !errors.Is(err, ErrNoObject) {
		t.Errorf("got %v, want ErrNoObject", err)
	}
	if _, err := Object[[]string](req); err == nil || errors.Is(err, ErrNoObject) {
		t.Errorf("got %v, want an error of decoding", err)
	}
}

// encoding/json would take "Spec" for "spec", and see another Pod than the API server does.
func TestObjectMindsTheCaseOfNames(t *testing.T) {
	var r admissionv1.AdmissionRequest
	r.Object.Raw = []byte(`{"spec":{"hostNetwork":true},"Spec":{"hostNetwork":false}}`)
	pod, err := Object[corev1.Pod](NewRequest(r))
	if err != nil || !pod.Spec.HostNetwork {
		t.Errorf("got %v, %v", pod, err)
	}
}

// Three bytes for each of many containers must not become a gigabyte in any type. Only what is decoded counts.
func TestObjectIsOfBoundedSize(t *testing.T) {
	many := strings.Repeat(`{},`, 1_000_000) + `{}`
	spec := `{"spec":{"containers":[` + many + `]}}`
	metadata := `{"metadata":{"ownerReferences":[` + many + `]}}`
	tests := map[string]struct {
		raw  string
		read func(*Request) error
		good bool
	}{
		"Pod":                         {spec, reads[corev1.Pod], false},
		"map":                         {spec, reads[map[string]any], false},
		"metadata beside a large Pod": {spec, reads[metav1.PartialObjectMetadata], true},
		"large metadata":              {metadata, reads[metav1.PartialObjectMetadata], false},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			var r admissionv1.AdmissionRequest
			r.Object.Raw = []byte(tt.raw)
			err := tt.read(NewRequest(r))
			if (err == nil) != tt.good || err != nil && !strings.Contains(err.Error(), "decoding it takes up to") {
				t.Errorf("got %v", err)
			}
		})
	}
}

func reads[T any](req *Request) error {
	_, err := Object[T](req)
	return err
}

func TestCleansUp(t *testing.T) {
	deleted := webPod()
	deleted.DeletionTimestamp = &metav1.Time{}
	deleted.DeletionTimestamp.Time = deleted.DeletionTimestamp.AddDate(2026, 1, 1)
	deleted.Status.Phase = corev1.PodRunning
	other := webPod()
	other.Spec.HostPID = true
	labeled := webPod()
	labeled.Labels = map[string]string{"a": "b"}
	broken := updatePod(t, deleted, webPod())
	broken.Object.Raw = []byte(`{`)
	tests := map[string]struct {
		req  admissionv1.AdmissionRequest
		want bool
	}{
		"create":                      {createPod(t, webPod()), false},
		"create that claims deletion": {createPod(t, deleted), false},
		"update":                      {updatePod(t, webPod(), webPod()), false},
		"update that claims deletion": {updatePod(t, webPod(), deleted), false},
		"update of a deleted object":  {updatePod(t, deleted, webPod()), true},
		"of its metadata":             {updatePod(t, deleted, labeled), true},
		"of its specification":        {updatePod(t, deleted, other), false},
		"to something unreadable":     {broken, false},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			if got := NewRequest(tt.req).cleansUp(); got != tt.want {
				t.Errorf("got %t, want %t", got, tt.want)
			}
		})
	}
}

func TestBefore(t *testing.T) {
	old := webPod()
	old.Labels = map[string]string{"is": "old"}
	req := NewRequest(updatePod(t, old, webPod()))
	req.memory = &memory{shared: &sharedMemory{}}
	before := req.before()
	got, err := Object[corev1.Pod](before)
	if err != nil || got.Labels["is"] != "old" {
		t.Errorf("got %v, %v", got, err)
	}
	if before.memory != req.memory {
		t.Error("decoding an object once more takes memory that nobody counts")
	}
}

// Each check that has something to say about an update compares it with the old object, which is decoded once.
func TestOldObjectIsDecodedOnce(t *testing.T) {
	req := NewRequest(updatePod(t, webPod(), webPod()))
	first, err := OldObject[corev1.Pod](req)
	if err != nil {
		t.Fatal(err)
	}
	for name, again := range map[string]func() (*corev1.Pod, error){
		"as what it was before":       func() (*corev1.Pod, error) { return Object[corev1.Pod](req.before()) },
		"as what it was before that":  func() (*corev1.Pod, error) { return OldObject[corev1.Pod](req.before()) },
		"as what it was long before":  func() (*corev1.Pod, error) { return Object[corev1.Pod](req.before().before()) },
		"as what is there to be read": func() (*corev1.Pod, error) { pod, _ := Decoded[corev1.Pod](req.before()); return pod, nil },
	} {
		if got, err := again(); err != nil || got != first {
			t.Errorf("%s it is another one, %v", name, err)
		}
	}
	if now, err := Object[corev1.Pod](req); err != nil || now == first {
		t.Errorf("the new object is the old one, %v", err)
	}
}
