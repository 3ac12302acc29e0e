// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package signer_test

import (
	"strings"
	"testing"

	"github.com/hookstrap/hookstrap/internal/signer"
)

func TestSubject(t *testing.T) {
	server52 := strings.Repeat("a", 48) + ".svc"
	tests := []struct {
		name                   string
		signer                 string
		serverName, commonName string
		want                   string
	}{
		{"built in", signer.BuiltIn, "web.shop.svc", "web", "CN=web"},
		{"no common name", signer.BuiltIn, "web.shop.svc", "", ""},
		{"EKS", signer.EKSAppServing, "web.shop.svc", "web", "CN=web"},
		{"another", "example.com/serving", "web.shop.svc", "web", "CN=web"},
		{"64 characters", "example.com/serving", "web.shop.svc", strings.Repeat("a", 64), "CN=" + strings.Repeat("a", 64)},
		{"kubelet-serving", signer.KubeletServing, "web.shop.svc", "web", "CN=system:node:web.shop.svc,O=system:nodes"},
		{"64 of kubelet-serving", signer.KubeletServing, server52, "", "CN=system:node:" + server52 + ",O=system:nodes"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			profile, err := signer.Lookup(tt.signer)
			if err != nil {
				t.Fatal(err)
			}
			subject, err := profile.Subject(tt.serverName, tt.commonName)
			if err != nil {
				t.Fatal(err)
			}
			if got := subject.String(); got != tt.want {
				t.Errorf("Subject() = %q, want %q", got, tt.want)
			}
		})
	}
}

func TestSubjectTooLong(t *testing.T) {
	tests := []struct {
		name                   string
		signer                 string
		serverName, commonName string
	}{
		{"kubelet-serving", signer.KubeletServing, strings.Repeat("a", 49) + ".svc", "web"},
		{"another", "example.com/serving", "web.shop.svc", strings.Repeat("a", 65)},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			profile, err := signer.Lookup(tt.signer)
			if err != nil {
				t.Fatal(err)
			}
			subject, err := profile.Subject(tt.serverName, tt.commonName)
			if err == nil {
				t.Fatalf("Subject() = %v", subject)
			}
			for _, fragment := range []string{tt.signer, "65 characters", "allows 64", "shorten"} {
				if !strings.Contains(err.Error(), fragment) {
					t.Errorf("the error does not say %q: %v", fragment, err)
				}
			}
		})
	}
}
