// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package identity_test

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/hookstrap/hookstrap/internal/identity"
)

type inputs = identity.Inputs

func TestNewRefuses(t *testing.T) {
	label64 := strings.Repeat("a", 64)
	long := strings.Repeat("a.", 126) + "aa" // 254 characters
	tests := []struct {
		name string
		edit func(*inputs)
		want []string // fragments of the one sentence
	}{
		{"no service", func(in *inputs) { in.Service = "" }, []string{"service name is empty"}},
		{"no namespace", func(in *inputs) { in.Namespace = "" }, []string{"namespace is empty"}},
		{"upper case service", func(in *inputs) { in.Service = "Web" }, []string{`service name "Web"`, "lower-case"}},
		{"service with a dot", func(in *inputs) { in.Service = "web.shop" }, []string{`"web.shop"`}},
		{"service with an underscore", func(in *inputs) { in.Service = "web_1" }, []string{`"web_1"`}},
		{"service with a space", func(in *inputs) { in.Service = "web " }, []string{`"web "`}},
		{"service ends in a dash", func(in *inputs) { in.Service = "web-" }, []string{`"web-"`, "dash"}},
		{"service begins with a dash", func(in *inputs) { in.Service = "-web" }, []string{`"-web"`, "dash"}},
		{"service too long", func(in *inputs) { in.Service = label64 }, []string{"64 characters", "63"}},
		{"namespace with a newline", func(in *inputs) { in.Namespace = "a\nb" }, []string{`namespace "a\nb"`}},
		{"pod name", func(in *inputs) { in.PodName = "Web-0" }, []string{`pod name "Web-0"`}},
		{"pod name with an empty part", func(in *inputs) { in.PodName = "web..0" }, []string{`"web..0"`, "dot"}},
		{"pod name too long", func(in *inputs) { in.PodName = long }, []string{"254", "253"}},
		{"cluster domain", func(in *inputs) { in.ClusterDomain = "cluster_local" }, []string{`domain "cluster_local"`}},
		{"cluster domain of two dots", func(in *inputs) { in.ClusterDomain = "a.." }, []string{`"a.."`, "dot"}},
		{"cluster domain is the root", func(in *inputs) { in.ClusterDomain = "." }, []string{`cluster domain "."`}},
		{"cluster domain makes names too long", func(in *inputs) { in.ClusterDomain = long[2:] },
			[]string{"cluster domain", "web.shop.svc.a.a", "DNS allows 253"}},
		{"no pod IP", func(in *inputs) { in.PodIPs = []netip.Addr{{}} }, []string{"pod IP", "not an IP address"}},
		{"loopback pod IP", func(in *inputs) { in.PodIPs = addrs(t, "127.0.0.1") }, []string{"pod IP 127.0.0.1", "loopback"}},
		{"loopback pod IP in disguise", func(in *inputs) { in.PodIPs = addrs(t, "::ffff:127.0.0.1") }, []string{"loopback"}},
		{"unspecified pod IP", func(in *inputs) { in.PodIPs = addrs(t, "0.0.0.0") }, []string{`"0.0.0.0"`, "unspecified"}},
		{"multicast pod IP", func(in *inputs) { in.PodIPs = addrs(t, "ff02::1") }, []string{`"ff02::1"`, "multicast"}},
		{"pod IP with a zone", func(in *inputs) { in.PodIPs = addrs(t, "fe80::1%eth0") }, []string{"zone", "%eth0"}},
		{"unspecified cluster IP", func(in *inputs) { in.ClusterIPs = addrs(t, "::") }, []string{`cluster IP "::"`}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			in := identity.Inputs{Service: "web", Namespace: "shop"}
			tt.edit(&in)
			expectOneFault(t, in, tt.want)
		})
	}
}

func TestNewRefusesExtraSANs(t *testing.T) {
	tests := []struct {
		value string
		want  string
	}{
		{"", "empty"},
		{".", "empty"},
		{"*.shop.svc", "wildcard"},
		{"*", "wildcard"},
		{"web.*.svc", "wildcard"},
		{"https://web", "bare host"},
		{"web:9443", "bare host"},
		{"10.0.0.7:9443", "bare host"},
		{"10.0.0.0/8", "bare host"},
		{"[::1]", "bare host"},
		{"fd00::zz", "bare host"},
		{"1.2.3", "IP address"},
		{"42", "IP address"},
		{"10.0.0.256", "IP address"},
		{"example.123.", "IP address"},
		{"web..svc", "dot"},
		{".svc", "dot"},
		{"-web.svc", "dash"},
		{"web_1.svc", "not a DNS name"},
		{"bücher.example", "not a DNS name"},
		{"\u212aelvin.example", "not a DNS name"},
		{"me@example.org", "not a DNS name"},
		{"a.example,b.example", "not a DNS name"},
		{strings.Repeat("a", 64) + ".svc", "64 characters"},
		{strings.Repeat("a.", 127) + "a", "255 characters"},
		{"0.0.0.0", "unspecified"},
		{"::", "unspecified"},
		{"::ffff:0.0.0.0", "unspecified"},
		{"224.0.0.1", "multicast"},
		{"fe80::1%eth0", "zone"},
	}
	for _, tt := range tests {
		t.Run(tt.value, func(t *testing.T) {
			in := identity.Inputs{Service: "web", Namespace: "shop", ExtraSANs: []string{"good.example", tt.value}}
			expectOneFault(t, in, []string{"extra SAN", tt.want})
		})
	}
}

// expectOneFault checks that there is one fault, not two and not its echoes.
func expectOneFault(t *testing.T, in identity.Inputs, fragments []string) {
	t.Helper()
	id, err := identity.New(in)
	if err == nil {
		t.Fatalf("New accepted it and derived %q %v", id.DNSNames, id.IPs)
	}
	if id.DNSNames != nil || id.IPs != nil {
		t.Errorf("an identity came along with the error: %+v", id)
	}
	if strings.Contains(err.Error(), "\n") {
		t.Errorf("one fault makes one sentence, got:\n%v", err)
	}
	for _, fragment := range fragments {
		if !strings.Contains(err.Error(), fragment) {
			t.Errorf("the error does not say %q: %v", fragment, err)
		}
	}
}

func TestNewReportsAllFaultsAtOnce(t *testing.T) {
	_, err := identity.New(identity.Inputs{
		Service:       "Web",
		PodName:       "web_0",
		PodIPs:        addrs(t, "127.0.0.1", "0.0.0.0", "10.0.0.7"),
		ClusterIPs:    addrs(t, "::"),
		ClusterDomain: "-",
		ExtraSANs:     []string{"*.example", "::", "fine.example"},
	})
	if err == nil {
		t.Fatal("New accepted it")
	}
	want := []string{
		`service name "Web"`, "namespace is empty", `pod name "web_0"`, `cluster domain "-"`,
		"pod IP 127.0.0.1", `pod IP "0.0.0.0"`, `cluster IP "::"`, `extra SAN "*.example"`, `extra SAN "::"`,
	}
	lines := strings.Split(err.Error(), "\n")
	if len(lines) != len(want) {
		t.Errorf("%d faults, want %d:\n%v", len(lines), len(want), err)
	}
	for i := range min(len(want), len(lines)) {
		if !strings.Contains(lines[i], want[i]) {
			t.Errorf("fault %d is %q, want it to say %s", i, lines[i], want[i])
		}
	}
}
