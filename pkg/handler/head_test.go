// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package handler

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	admissionv1 "k8s.io/api/admission/v1"

	"github.com/hookstrap/hookstrap/test/sample"
)

// headed is what a head says, for comparison.
func headed(in *review) admissionv1.AdmissionReview {
	r := in.Request
	head := admissionv1.AdmissionRequest{
		UID: r.UID, Kind: r.Kind, Resource: r.Resource, SubResource: r.SubResource, Name: r.Name, Namespace: r.Namespace,
		Operation: r.Operation,
	}
	head.UserInfo.Username = r.UserInfo.Username
	return admissionv1.AdmissionReview{TypeMeta: in.TypeMeta, Request: &head}
}

// FuzzHead holds what is read of a head to what Kubernetes' decoder reads of the whole, and reads any part of one.
func FuzzHead(f *testing.F) {
	body, err := sample.Review(0)
	if err != nil {
		f.Fatal(err)
	}
	places := sample.Values(body)
	for _, text := range []string{`"u"`, `{"username":"jane"}`, `"\u003c\ud83d"`, `{}`, `5`} {
		f.Add(uint8(0), uint16(0), uint16(100), []byte(text))
		f.Add(uint8(1), uint16(7), uint16(500), []byte(text))
	}
	f.Fuzz(func(t *testing.T, mode uint8, at, size uint16, text []byte) {
		text = sample.Mutate(body, places, mode, int(at), text)
		headOf(text[:min(int(size), len(text))])
		whole, refused := decodeReview(text, roomy(), envelope)
		if refused != nil || whole.Request.Object.Raw == nil {
			return
		}
		head := headOf(text)
		if !head.isAnswerable() {
			return // one that no API server writes
		}
		if head.Request.UID != whole.Request.UID {
			t.Fatalf("the UID is %q, not %q: %s", head.Request.UID, whole.Request.UID, text)
		}
	})
}

// A head says what the whole review does, and does so as soon as its objects begin.
func TestHead(t *testing.T) {
	req := createPod(t, webPod())
	req.SubResource, req.UserInfo.Username = "resize", `jane "<doe>"`
	req.UserInfo.Groups = []string{"a"}
	body := raw(t, admissionv1.AdmissionReview{TypeMeta: reviewV1, Request: &req}).Raw
	whole, refused := decodeReview(body, roomy(), envelope)
	if refused != nil {
		t.Fatal(refused)
	}
	for end := len(body) - len(req.Object.Raw); end <= len(body); end++ {
		if diff := cmp.Diff(headed(whole), headed(headOf(body[:end]))); diff != "" {
			t.Fatalf("of %d bytes: %s", end, diff)
		}
	}
}

// roomy has all the memory that there is by default.
func roomy() *reservation {
	limits := Limits{}.complete()
	return (&gate{limits: limits, decoded: sharedMemory{limit: limits.Decoded}}).reserve(nil, time.Time{})
}
