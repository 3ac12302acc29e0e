// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"net"
	"net/netip"
	"strconv"
	"testing"

	"github.com/hookstrap/hookstrap/test/e2e/site"
)

// TestCalledAtTheClusterIP: the API server calls an ordinary Service at its cluster IP, which is on this machine. What
// Route finds is where it calls, also if somebody has the port that is installed.
func TestCalledAtTheClusterIP(t *testing.T) {
	t.Parallel()
	s := site.New(t, shared, site.Options{})
	ip := withClusterIP(t, s).Spec.ClusterIP
	if !netip.MustParseAddr(ip).IsLoopback() {
		t.Fatalf("the Service has the cluster IP %s: the API server would dial off this machine", ip)
	}
	installed := net.JoinHostPort(ip, strconv.Itoa(s.Port))
	if got := route(t, s); got != installed {
		t.Errorf("called at %s, want the cluster IP and the port that is installed: %s", got, installed)
	}
	taken, err := new(net.ListenConfig).Listen(t.Context(), "tcp", installed)
	must(t, err)
	t.Cleanup(func() { _ = taken.Close() })
	options := s.BootstrapOptions(t)
	options.SelfAddress = route(t, s)
	if host, _, err := net.SplitHostPort(options.SelfAddress); err != nil || host != ip || options.SelfAddress == installed {
		t.Fatalf("called at %s, want another port of %s", options.SelfAddress, ip)
	}
	server := s.Start(t, options)
	server.AwaitReady(t)
	must(t, server.Leaf().VerifyHostname(ip))
	wantAdmission(t, s)
}

func route(t *testing.T, s *site.Site) string {
	t.Helper()
	address, err := site.Route(t.Context(), s.Admin, s.Namespace, site.Service, s.Configuration)
	must(t, err)
	return address
}
