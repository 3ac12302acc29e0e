// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package signer_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509/pkix"
	"slices"
	"strings"
	"testing"

	certificatesv1 "k8s.io/api/certificates/v1"

	"github.com/hookstrap/hookstrap/internal/signer"
)

func TestLookupForAClient(t *testing.T) {
	for name, want := range map[string]string{
		signer.APIServerClient: "", "example.com/clients": "", "clusterissuers.cert-manager.io/corp": "",
		signer.BuiltIn: "serving certificates", signer.KubeletServing: "serving certificates",
		signer.EKSAppServing: "serving certificates",
		certificatesv1.KubeAPIServerClientKubeletSignerName: "kubelets",
		"kubernetes.io/legacy-unknown":                      signer.APIServerClient,
		"nodomain":                                          "example.com/name",
	} {
		profile, err := signer.LookupFor(name, signer.ClientAuth)
		switch {
		case want == "" && (err != nil || profile.Usage() != signer.ClientAuth):
			t.Errorf("%s: %v, usage %q", name, err, profile.Usage())
		case want != "" && (err == nil || !strings.Contains(err.Error(), want) || profile.Name() != ""):
			t.Errorf("%s: %v does not say %q", name, err, want)
		}
	}
	if _, err := signer.LookupFor(signer.APIServerClient, signer.ServerAuth); err == nil {
		t.Error("the signer of clients is asked for a server's certificate")
	}
}

func TestUsagesOfAClient(t *testing.T) {
	profile, err := signer.LookupFor(signer.APIServerClient, signer.ClientAuth)
	if err != nil {
		t.Fatal(err)
	}
	ec, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	want := []certificatesv1.KeyUsage{certificatesv1.UsageDigitalSignature, certificatesv1.UsageClientAuth}
	if got := profile.Usages(ec.Public()); !slices.Equal(got, want) {
		t.Errorf("usages %v, want %v", got, want)
	}
	want = slices.Insert(want, 1, certificatesv1.UsageKeyEncipherment)
	if got := profile.Usages(&rsa.PublicKey{}); !slices.Equal(got, want) {
		t.Errorf("usages with RSA %v, want %v", got, want)
	}
}

func TestComplete(t *testing.T) {
	subject := func(name string, organization ...string) pkix.Name {
		return pkix.Name{CommonName: name, Organization: organization, Country: []string{"DE"}}
	}
	for _, tc := range []struct {
		signer string
		usage  signer.Usage
		in     pkix.Name
		want   string // the subject, or what the error says
		bad    bool
	}{
		{"example.com/any", signer.ServerAuth, subject(""), "C=DE", false},
		{"example.com/any", signer.ServerAuth, subject("web", "shop"), "CN=web,O=shop,C=DE", false},
		{"example.com/any", signer.ServerAuth, subject(strings.Repeat("a", 65)), "64", true},
		{signer.KubeletServing, signer.ServerAuth, subject(""), "CN=system:node:web.example.com,O=system:nodes,C=DE", false},
		{signer.KubeletServing, signer.ServerAuth, subject("system:node:x"), "CN=system:node:x,O=system:nodes,C=DE", false},
		{signer.KubeletServing, signer.ServerAuth, subject("x"), "system:node:NAME", true},
		{signer.KubeletServing, signer.ServerAuth, subject("", "shop"), "system:nodes", true},
		{signer.APIServerClient, signer.ClientAuth, subject("jane", "shop"), "CN=jane,O=shop,C=DE", false},
		{signer.APIServerClient, signer.ClientAuth, subject(""), "common name", true},
		{signer.APIServerClient, signer.ClientAuth, subject("jane", "shop", "system:masters"), "system:masters", true},
	} {
		profile, err := signer.LookupFor(tc.signer, tc.usage)
		if err != nil {
			t.Fatal(err)
		}
		got, err := profile.Complete(tc.in, "web.example.com")
		switch {
		case tc.bad && (err == nil || !strings.Contains(err.Error(), tc.want)):
			t.Errorf("%s, %s: %v does not say %q", tc.signer, tc.in, err, tc.want)
		case !tc.bad && (err != nil || got.String() != tc.want):
			t.Errorf("%s, %s: %s (%v), want %s", tc.signer, tc.in, got, err, tc.want)
		}
	}
}
