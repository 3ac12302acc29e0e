// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package signer_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	certificatesv1 "k8s.io/api/certificates/v1"

	"github.com/hookstrap/hookstrap/internal/signer"
)

func TestLookup(t *testing.T) {
	tests := []struct {
		name    string
		builtIn bool
		sources []signer.CASource
		hint    []string
	}{
		{
			name: "hookstrap.dev/serving", builtIn: true,
			sources: []signer.CASource{signer.SourceAuthority},
			hint:    []string{"certificatesigningrequests/status", "hookstrap.dev/serving"},
		},
		{
			name:    "kubernetes.io/kubelet-serving",
			sources: []signer.CASource{signer.SourceFile, signer.SourceTrustBundle, signer.SourceRootCAConfigMap},
			hint:    []string{"kube-controller-manager", "--cluster-signing-cert-file", "managed clusters"},
		},
		{
			name:    "beta.eks.amazonaws.com/app-serving",
			sources: []signer.CASource{signer.SourceFile, signer.SourceChain},
			hint:    []string{"Amazon EKS"},
		},
		{
			name:    "hookstrap.dev/authority",
			sources: []signer.CASource{signer.SourceFile, signer.SourceTrustBundle, signer.SourceChain},
			hint:    []string{"webhook authority", "hookstrap.dev/certificates=true"},
		},
		{
			name:    "clusterissuers.cert-manager.io/corp",
			sources: []signer.CASource{signer.SourceFile, signer.SourceChain},
			hint:    []string{"ClusterIssuer corp,", "ExperimentalCertificateSigningRequestControllers"},
		},
		{
			name:    "issuers.cert-manager.io/shop.corp.example",
			sources: []signer.CASource{signer.SourceFile, signer.SourceChain},
			hint:    []string{"Issuer shop/corp.example,", "reference"},
		},
		{
			name:    "example.com/anything",
			sources: []signer.CASource{signer.SourceFile, signer.SourceTrustBundle, signer.SourceChain},
			hint:    []string{"example.com"},
		},
		{
			name:    "hookstrap.dev/serving2",
			sources: []signer.CASource{signer.SourceFile, signer.SourceTrustBundle, signer.SourceChain},
			hint:    []string{"hookstrap.dev"},
		},
		{
			name:    "not-kubernetes.io/kubelet-serving",
			sources: []signer.CASource{signer.SourceFile, signer.SourceTrustBundle, signer.SourceChain},
			hint:    []string{"not-kubernetes.io"},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			profile, err := signer.Lookup(tt.name)
			if err != nil {
				t.Fatal(err)
			}
			if profile.Name() != tt.name || profile.BuiltIn() != tt.builtIn {
				t.Errorf("Name() %q, BuiltIn() %v", profile.Name(), profile.BuiltIn())
			}
			if diff := cmp.Diff(tt.sources, profile.CASources()); diff != "" {
				t.Errorf("CASources() (-want +got):\n%s", diff)
			}
			for _, fragment := range tt.hint {
				if !strings.Contains(profile.Hint(), fragment) {
					t.Errorf("Hint() does not say %q: %s", fragment, profile.Hint())
				}
			}
		})
	}
}

func TestLookupRefuses(t *testing.T) {
	label63, label64 := strings.Repeat("a", 63), strings.Repeat("a", 64)
	domain254 := strings.Repeat("a.", 126) + "aa"
	tests := []struct {
		name string
		want string
	}{
		{"", "empty"},
		{"kubelet-serving", "one slash"},
		{"kubernetes.io/a/b", "one slash"},
		{"localhost/serving", "single word"},
		{"/serving", "single word"},
		{"example.com/", "path"},
		{"Example.com/serving", "lower-case"},
		{"example..com/serving", "lower-case"},
		{"-example.com/serving", "lower-case"},
		{"exa_mple.com/serving", "lower-case"},
		{label64 + ".com/serving", "64 characters"},
		{domain254 + "/serving", "254 characters"},
		{"example.com/Serving", "lower-case"},
		{"example.com/serving-", "lower-case"},
		{"example.com/a..b", "lower-case"},
		{"example.com/sérving", "lower-case"},
		{"example.com/" + strings.Repeat("a", 254), "254 characters"},
		{"example.com/" + strings.Repeat(label63+".", 8) + strings.Repeat("a", 48), "572 characters"},
		{"kubernetes.io/legacy-unknown", "certificates.k8s.io/v1"},
		{certificatesv1.KubeAPIServerClientSignerName, "client certificates"},
		{certificatesv1.KubeAPIServerClientKubeletSignerName, "client certificates"},
		{"kubernetes.io/kube-apiserver-client-pod", "client certificates"},
		{"kubernetes.io/kube-apiserver-serving", "trust bundle"},
		{"kubernetes.io/kubelet-servin", "never answers"},
		{"issuers.cert-manager.io/corp", "NAMESPACE.NAME"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			profile, err := signer.Lookup(tt.name)
			if err == nil {
				t.Fatalf("Lookup gave %+v", profile)
			}
			if profile.Name() != "" {
				t.Errorf("a profile came along with the error: %q", profile.Name())
			}
			if !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), "\n") {
				t.Errorf("want one sentence that says %q, got: %v", tt.want, err)
			}
			if !strings.Contains(err.Error(), tt.name[:min(len(tt.name), 12)]) {
				t.Errorf("the error does not name the signer: %v", err)
			}
		})
	}
}

func TestLookupBuiltIn(t *testing.T) {
	for name, want := range map[string]string{
		signer.BuiltIn:                        "",
		"webhooks.example.com/serving":        "",
		"not-kubernetes.io/serving":           "",
		"":                                    "empty",
		"serving":                             "one slash",
		signer.KubeletServing:                 "another one",
		"kubernetes.io/serving":               "another one",
		"mine.kubernetes.io/serving":          "another one",
		"k8s.io/serving":                      "another one",
		signer.EKSAppServing:                  "another one",
		"clusterissuers.cert-manager.io/corp": "another one",
		"issuers.cert-manager.io/shop.corp":   "another one",
	} {
		profile, err := signer.LookupBuiltIn(name)
		if want != "" {
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%q: error %v does not say %q", name, err, want)
			}
			continue
		}
		if err != nil {
			t.Errorf("%q: %v", name, err)
			continue
		}
		if !profile.BuiltIn() || profile.Name() != name || !strings.Contains(profile.Hint(), name) ||
			!cmp.Equal(profile.CASources(), []signer.CASource{signer.SourceAuthority}) {
			t.Errorf("%q: got %q, built in: %t, %q", name, profile.Name(), profile.BuiltIn(), profile.Hint())
		}
	}
}

// TestProfileIsImmutable: what one caller does to a result, no other sees.
func TestProfileIsImmutable(t *testing.T) {
	profile, err := signer.Lookup(signer.KubeletServing)
	if err != nil {
		t.Fatal(err)
	}
	profile.CASources()[0] = "overwritten"
	subject, err := profile.Subject("web.shop.svc", "")
	if err != nil {
		t.Fatal(err)
	}
	subject.Organization[0] = "overwritten"

	if got := profile.CASources()[0]; got != signer.SourceFile {
		t.Errorf("CASources()[0] = %q", got)
	}
	if again, _ := profile.Subject("web.shop.svc", ""); again.Organization[0] != "system:nodes" {
		t.Errorf("Organization = %q", again.Organization)
	}
}
