// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package identity_test

import (
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/hookstrap/hookstrap/internal/identity"
)

func addrs(t testing.TB, values ...string) []netip.Addr {
	t.Helper()
	var ips []netip.Addr
	for _, value := range values {
		ips = append(ips, netip.MustParseAddr(value))
	}
	return ips
}

func text(ips []netip.Addr) []string {
	var out []string
	for _, ip := range ips {
		out = append(out, ip.String())
	}
	return out
}

func TestNew(t *testing.T) {
	four := []string{"web", "web.shop", "web.shop.svc", "web.shop.svc.cluster.local"}
	tests := []struct {
		name  string
		in    identity.Inputs
		names []string
		ips   []string
	}{
		{
			name:  "service and namespace are enough",
			in:    identity.Inputs{},
			names: four,
		},
		{
			name:  "another cluster domain, in upper case and with the root's dot",
			in:    identity.Inputs{ClusterDomain: "K8S.AZ.Example.ORG."},
			names: []string{"web", "web.shop", "web.shop.svc", "web.shop.svc.k8s.az.example.org"},
		},
		{
			name: "dual stack pod and service, sorted by address",
			in: identity.Inputs{
				PodIPs:     addrs(t, "fd00::7", "10.0.0.7"),
				ClusterIPs: addrs(t, "fd00:10::1", "10.96.0.9"),
			},
			names: append([]string{
				"10-0-0-7.shop.pod.cluster.local",
				"fd00--7.shop.pod.cluster.local",
			}, four...),
			ips: []string{"10.0.0.7", "10.96.0.9", "fd00::7", "fd00:10::1"},
		},
		{
			name:  "a Service range on loopback",
			in:    identity.Inputs{ClusterIPs: addrs(t, "127.96.0.9")},
			names: four,
			ips:   []string{"127.96.0.9"},
		},
		{
			name:  "IPv4 inside IPv6 is IPv4",
			in:    identity.Inputs{PodIPs: addrs(t, "::ffff:10.0.0.7", "10.0.0.7"), ExtraSANs: []string{"::ffff:10.0.0.7"}},
			names: append([]string{"10-0-0-7.shop.pod.cluster.local"}, four...),
			ips:   []string{"10.0.0.7"},
		},
		{
			name: "extra names and addresses, repeated and in odd spelling",
			in: identity.Inputs{
				ExtraSANs: []string{
					"Hooks.Example.org.", "hooks.example.org", "web.shop.svc", "127.0.0.1", "::1", "localhost", "192.0.2.1",
				},
			},
			names: []string{
				"hooks.example.org", "localhost", "web", "web.shop", "web.shop.svc", "web.shop.svc.cluster.local",
			},
			ips: []string{"127.0.0.1", "192.0.2.1", "::1"},
		},
		{
			name:  "digits in front of a domain are a fine name",
			in:    identity.Inputs{ExtraSANs: []string{"1.2.3.example"}},
			names: append([]string{"1.2.3.example"}, four...),
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tt.in.Service, tt.in.Namespace = "web", "shop"
			id, err := identity.New(tt.in)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.names, id.DNSNames); diff != "" {
				t.Errorf("DNS names (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(tt.ips, text(id.IPs)); diff != "" {
				t.Errorf("IPs (-want +got):\n%s", diff)
			}
		})
	}
}

func TestNewAcceptsObjectNames(t *testing.T) {
	label63 := strings.Repeat("a", 63)
	for _, name := range []string{"w", "0web", "2024", "a-b", label63} {
		t.Run(name, func(t *testing.T) {
			id, err := identity.New(identity.Inputs{Service: name, Namespace: name, PodName: name + ".x." + name})
			if err != nil {
				t.Fatal(err)
			}
			if want := name + "." + name + ".svc"; id.ServerName() != want || !slices.Contains(id.DNSNames, want) {
				t.Errorf("ServerName() = %q, DNSNames = %q, want %q in both", id.ServerName(), id.DNSNames, want)
			}
			if id.PodName != name+".x."+name || id.ClusterDomain != identity.DefaultClusterDomain {
				t.Errorf("PodName = %q, ClusterDomain = %q", id.PodName, id.ClusterDomain)
			}
		})
	}
}

// TestNewIsDeterministic: replicas that know the same in another order must
// come to the same identity.
func TestNewIsDeterministic(t *testing.T) {
	in := identity.Inputs{
		Service: "web", Namespace: "shop",
		PodIPs:     addrs(t, "10.0.0.7", "fd00::7"),
		ClusterIPs: addrs(t, "10.96.0.9", "10.96.0.10"),
		ExtraSANs:  []string{"b.example", "a.example", "192.0.2.1"},
	}
	first, err := identity.New(in)
	if err != nil {
		t.Fatal(err)
	}
	slices.Reverse(in.PodIPs)
	slices.Reverse(in.ClusterIPs)
	slices.Reverse(in.ExtraSANs)
	second, err := identity.New(in)
	if err != nil {
		t.Fatal(err)
	}
	compareAddrs := cmp.Comparer(func(a, b netip.Addr) bool { return a == b })
	if diff := cmp.Diff(first, second, compareAddrs); diff != "" {
		t.Errorf("the order of the inputs shows (-first +second):\n%s", diff)
	}
}
