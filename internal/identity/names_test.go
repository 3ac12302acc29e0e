// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package identity_test

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/hookstrap/hookstrap/internal/identity"
)

func TestPodDNSName(t *testing.T) {
	tests := []struct {
		ip   string
		want string
	}{
		{"10.0.0.7", "10-0-0-7"},
		{"::ffff:10.0.0.7", "10-0-0-7"},
		{"fd00::7", "fd00--7"},
		{"FD00:0:0:0::7", "fd00--7"},
		{"2001:db8:1:2:3:4:5:6", "2001-db8-1-2-3-4-5-6"},
		{"2001:db8::", "2001-0db8-0000-0000-0000-0000-0000-0000"},
		{"::1:7", "0000-0000-0000-0000-0000-0000-0001-0007"},
		{"fe80::1%eth0", "fe80--1"},
	}
	for _, tt := range tests {
		t.Run(tt.ip, func(t *testing.T) {
			got := identity.PodDNSName(netip.MustParseAddr(tt.ip), "shop", "cluster.local")
			if want := tt.want + ".shop.pod.cluster.local"; got != want {
				t.Errorf("PodDNSName(%s) = %q, want %q", tt.ip, got, want)
			}
		})
	}
}

// TestPodDNSNameIsWhatCoreDNSReads turns the label back into an address in the
// way that CoreDNS's kubernetes plugin does.
func TestPodDNSNameIsWhatCoreDNSReads(t *testing.T) {
	for _, value := range []string{"10.0.0.7", "fd00::7", "2001:db8::", "::1:7", "2001:db8:0:1::9", "1:2:3:4:5:6:7:8"} {
		t.Run(value, func(t *testing.T) {
			ip := netip.MustParseAddr(value)
			label, _, _ := strings.Cut(identity.PodDNSName(ip, "shop", "cluster.local"), ".")
			separator := ":"
			if strings.Count(label, "-") == 3 && !strings.Contains(label, "--") {
				separator = "."
			}
			got, err := netip.ParseAddr(strings.ReplaceAll(label, "-", separator))
			if err != nil || got != ip {
				t.Errorf("CoreDNS would read %q as %v (%v), want %v", label, got, err, ip)
			}
		})
	}
}
