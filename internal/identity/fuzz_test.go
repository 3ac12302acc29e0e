// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package identity_test

import (
	"crypto"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"net"
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/hookstrap/hookstrap/internal/identity"
)

// FuzzNew: whatever New accepts can be asked of a signer, and the request says
// the very same after a round trip through DER.
func FuzzNew(f *testing.F) {
	f.Add("web", "shop", "web-0", "10.0.0.7,fd00::7", "10.96.0.9", "cluster.local", "hooks.example,192.0.2.1")
	f.Add("2024", "1", "", "2001:db8::", "None", "", "LOCALHOST.")
	f.Add("w", "s", "p.0", "::ffff:10.0.0.7", "fe80::1%eth0", "a.", "*.example,1.2.3,\u212a")
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, service, namespace, pod, podIPs, clusterIPs, domain, extra string) {
		in := identity.Inputs{Service: service, Namespace: namespace, PodName: pod, ClusterDomain: domain}
		// The error is of no interest: no address is an input like any other.
		in.PodIPs, _ = identity.ParseIPs([]string{podIPs})
		in.ClusterIPs, _ = identity.ParseIPs([]string{clusterIPs})
		if extra != "" {
			in.ExtraSANs = strings.Split(extra, ",")
		}
		id, err := identity.New(in)
		if err != nil {
			return
		}
		checkRoundTrip(t, id, key)
		checkStable(t, id)
	})
}

func checkRoundTrip(t *testing.T, id identity.Identity, key crypto.Signer) {
	t.Helper()
	der, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{
		Subject:     pkix.Name{CommonName: id.CommonName()},
		DNSNames:    id.DNSNames,
		IPAddresses: id.NetIPs(),
	}, key)
	if err != nil {
		t.Fatalf("no request can be made of %+v: %v", id, err)
	}
	csr, err := x509.ParseCertificateRequest(der)
	if err != nil {
		t.Fatalf("the request made of %+v cannot be parsed: %v", id, err)
	}
	if diff := cmp.Diff(id.DNSNames, csr.DNSNames); diff != "" {
		t.Errorf("DNS names (-identity +request):\n%s", diff)
	}
	if diff := cmp.Diff(text(id.IPs), netText(csr.IPAddresses)); diff != "" {
		t.Errorf("IPs (-identity +request):\n%s", diff)
	}
	if got := csr.Subject.CommonName; got != id.CommonName() || got == "" {
		t.Errorf("CN %q, want %q and not empty", got, id.CommonName())
	}
	leaf := &x509.Certificate{DNSNames: csr.DNSNames, IPAddresses: csr.IPAddresses}
	if missing := id.Missing(leaf); missing != nil {
		t.Errorf("a client would not find %q in a certificate made of the request", missing)
	}
}

// checkStable: an identity put in again comes out the same.
func checkStable(t *testing.T, id identity.Identity) {
	t.Helper()
	again, err := identity.New(identity.Inputs{
		Service: id.Service, Namespace: id.Namespace, PodName: id.PodName,
		ClusterDomain: id.ClusterDomain, ExtraSANs: text(id.IPs),
	})
	if err != nil {
		t.Fatalf("%+v is not accepted again: %v", id, err)
	}
	if diff := cmp.Diff(text(id.IPs), text(again.IPs)); diff != "" {
		t.Errorf("IPs (-first +second):\n%s", diff)
	}
}

func netText(ips []net.IP) []string {
	var out []string
	for _, ip := range ips {
		addr, _ := netip.AddrFromSlice(ip)
		out = append(out, addr.String())
	}
	return out
}

// FuzzClusterDomainFromResolvConf: whatever is found can be used.
func FuzzClusterDomainFromResolvConf(f *testing.F) {
	f.Add("search shop.svc.cluster.local svc.cluster.local cluster.local\nnameserver 10.96.0.10\n")
	f.Add("domain svc.K8S.example.\n# search svc.x\n")
	f.Fuzz(func(t *testing.T, file string) {
		domain, found := identity.ClusterDomainFromResolvConf(strings.NewReader(file), "shop")
		if !found {
			return
		}
		_, err := identity.New(identity.Inputs{Service: "web", Namespace: "shop", ClusterDomain: domain})
		if err != nil && !strings.Contains(err.Error(), "DNS allows 253") {
			t.Errorf("found %q, which New refuses: %v", domain, err)
		}
	})
}
