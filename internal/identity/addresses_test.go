// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package identity_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/hookstrap/hookstrap/internal/identity"
)

func TestParseIPs(t *testing.T) {
	tests := []struct {
		name   string
		values []string
		want   []string
	}{
		{"nothing", nil, nil},
		{"an unset variable", []string{""}, nil},
		{"a headless Service", []string{"None"}, nil},
		{"repeated flag", []string{"10.0.0.7", "fd00::7"}, []string{"10.0.0.7", "fd00::7"}},
		{"downward API", []string{"10.0.0.7,fd00::7"}, []string{"10.0.0.7", "fd00::7"}},
		{"untidy", []string{" 10.0.0.7 , ,fd00::7,", ","}, []string{"10.0.0.7", "fd00::7"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := identity.ParseIPs(tt.values)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, text(got)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestParseIPsReportsAllFaults(t *testing.T) {
	got, err := identity.ParseIPs([]string{"10.0.0.x,10.0.0.7", "web", "10.0.0.7/24", "010.0.0.7", "none"})
	if err == nil || got != nil {
		t.Fatalf("ParseIPs = %v, %v, want an error alone", got, err)
	}
	lines := strings.Split(err.Error(), "\n")
	want := []string{`"10.0.0.x"`, `"web"`, `"10.0.0.7/24"`, `"010.0.0.7"`, `"none"`}
	if len(lines) != len(want) {
		t.Fatalf("%d faults, want %d:\n%v", len(lines), len(want), err)
	}
	for i := range want {
		if !strings.HasPrefix(lines[i], want[i]) {
			t.Errorf("fault %d is %q, want %s", i, lines[i], want[i])
		}
	}
}

func TestNetIPs(t *testing.T) {
	id, err := identity.New(identity.Inputs{
		Service: "web", Namespace: "shop", PodIPs: addrs(t, "::ffff:10.0.0.7", "fd00::7"),
	})
	if err != nil {
		t.Fatal(err)
	}
	ips := id.NetIPs()
	if len(ips) != 2 || len(ips[0]) != 4 || len(ips[1]) != 16 {
		t.Fatalf("NetIPs() = %v: want one address of 4 bytes and one of 16", ips)
	}
	ips[0][0] = 192
	if got := id.IPs[0].String(); got != "10.0.0.7" {
		t.Errorf("writing to NetIPs() changed the identity to %s", got)
	}
}
