// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package csr

import (
	"strings"
	"testing"

	certificatesv1 "k8s.io/api/certificates/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"

	"github.com/hookstrap/hookstrap/internal/signer"
)

func TestOnlyWhatWasAskedForIsApproved(t *testing.T) {
	const us = "system:serviceaccount:shop:web"
	for _, tc := range []struct {
		name  string
		alter func(*certificatesv1.CertificateSigningRequest)
		want  string
	}{
		{name: "unaltered", alter: func(*certificatesv1.CertificateSigningRequest) {}},
		{
			name: "usages in another order are the same usages",
			alter: func(obj *certificatesv1.CertificateSigningRequest) {
				obj.Spec.Usages[0], obj.Spec.Usages[1] = obj.Spec.Usages[1], obj.Spec.Usages[0]
			},
		},
		{
			name:  "another object under our name",
			alter: func(obj *certificatesv1.CertificateSigningRequest) { obj.UID = "other" },
			want:  "was deleted",
		},
		{
			name:  "another request: key, SANs or subject",
			alter: func(obj *certificatesv1.CertificateSigningRequest) { obj.Spec.Request = []byte("other") },
			want:  "spec.request",
		},
		{
			name:  "another signer",
			alter: func(obj *certificatesv1.CertificateSigningRequest) { obj.Spec.SignerName = signer.KubeletServing },
			want:  "spec.signerName",
		},
		{
			name: "one more usage",
			alter: func(obj *certificatesv1.CertificateSigningRequest) {
				obj.Spec.Usages = append(obj.Spec.Usages, certificatesv1.UsageClientAuth)
			},
			want: "spec.usages",
		},
		{
			name:  "a longer life",
			alter: func(obj *certificatesv1.CertificateSigningRequest) { obj.Spec.ExpirationSeconds = ptr.To[int32](1e6) },
			want:  "spec.expirationSeconds",
		},
		{
			name:  "another requester",
			alter: func(obj *certificatesv1.CertificateSigningRequest) { obj.Spec.Username = "mallory" },
			want:  `requested by "mallory"`,
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			want := mustRequest(t, testSpec(t, signer.BuiltIn)).object
			want.UID, want.Spec.Username = types.UID("ours"), us
			got := want.DeepCopy()
			tc.alter(got)
			err := (&Requester{Username: us}).unaltered(want, got)
			switch {
			case tc.want == "" && err != nil:
				t.Errorf("refused: %v", err)
			case tc.want != "" && (err == nil || !strings.Contains(err.Error(), tc.want)):
				t.Errorf("error %v does not say %q", err, tc.want)
			}
		})
	}
}

func TestApprovalLeavesTheOriginalAlone(t *testing.T) {
	obj := mustRequest(t, testSpec(t, signer.BuiltIn)).object
	approved := withApproval(obj)
	if outcome, _ := standing(approved); outcome != NotIssued {
		t.Errorf("after the approval the request stands at %q, want %q", outcome, NotIssued)
	}
	if len(obj.Status.Conditions) != 0 {
		t.Error("the object that was passed in was changed")
	}
}

func TestParseApproval(t *testing.T) {
	for text, wantErr := range map[string]bool{"self": false, "external": false, "": true, "auto": true} {
		if _, err := ParseApproval(text); (err != nil) != wantErr {
			t.Errorf("ParseApproval(%q): error %v, want one: %t", text, err, wantErr)
		}
	}
}
