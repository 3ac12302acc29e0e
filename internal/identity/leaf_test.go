// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package identity_test

import (
	"crypto/x509"
	"net"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/hookstrap/hookstrap/internal/identity"
)

func TestCommonName(t *testing.T) {
	tests := []struct {
		name  string
		names []string
		want  string
	}{
		{"nothing", nil, ""},
		{"the shortest", []string{"web.shop", "web", "web.shop.svc"}, "web"},
		{"ties go by the alphabet, not by position", []string{"www", "api", "web"}, "api"},
		{"64 characters fit", []string{strings.Repeat("a", 64)}, strings.Repeat("a", 64)},
		{"65 do not", []string{strings.Repeat("a", 65)}, ""},
		{"long ones are passed over", []string{strings.Repeat("a", 65), "bb"}, "bb"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := (identity.Identity{DNSNames: tt.names}).CommonName(); got != tt.want {
				t.Errorf("CommonName() = %q, want %q", got, tt.want)
			}
		})
	}
}

func TestMissing(t *testing.T) {
	id, err := identity.New(identity.Inputs{
		Service: "web", Namespace: "shop", ClusterDomain: "example.org", PodIPs: addrs(t, "10.0.0.7", "fd00::7"),
	})
	if err != nil {
		t.Fatal(err)
	}
	everything := append(append([]string{}, id.DNSNames...), "10.0.0.7", "fd00::7")
	tests := []struct {
		name string
		leaf *x509.Certificate
		want []string
	}{
		{"no leaf", nil, everything},
		{"no SANs, though the CN has the name", leafWithCommonName("web.shop.svc"), everything},
		{"exactly what is needed", &x509.Certificate{DNSNames: id.DNSNames, IPAddresses: id.NetIPs()}, nil},
		{
			"another pod's addresses",
			&x509.Certificate{DNSNames: id.DNSNames, IPAddresses: []net.IP{net.IPv4(10, 0, 0, 8), net.ParseIP("fd00::8")}},
			[]string{"10.0.0.7", "fd00::7"},
		},
		{
			"an address as a DNS name does not count",
			&x509.Certificate{DNSNames: append([]string{"10.0.0.7"}, id.DNSNames...), IPAddresses: id.NetIPs()[1:]},
			[]string{"10.0.0.7"},
		},
		{
			"wildcards cover one label, upper case is no obstacle",
			&x509.Certificate{
				DNSNames:    []string{"WEB", "*.shop", "*.shop.svc", "*.shop.svc.example.org"},
				IPAddresses: id.NetIPs(),
			},
			[]string{"10-0-0-7.shop.pod.example.org", "fd00--7.shop.pod.example.org"},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, id.Missing(tt.leaf)); diff != "" {
				t.Errorf("Missing() (-want +got):\n%s", diff)
			}
		})
	}
}

func leafWithCommonName(name string) *x509.Certificate {
	leaf := &x509.Certificate{}
	leaf.Subject.CommonName = name
	return leaf
}
