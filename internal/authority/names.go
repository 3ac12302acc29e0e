// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package authority

import (
	"cmp"
	"crypto/x509"
	"net"
	"net/netip"
	"slices"
	"strings"

	"github.com/hookstrap/hookstrap/internal/identity"
)

// checkNames allows the configured names, and a pod's own name next to its address.
func (p Policy) checkNames(request *x509.CertificateRequest) error {
	if len(request.DNSNames) == 0 {
		return violation(ReasonSANsMissing, "The request has no DNS name, and the API server verifies nothing else: add "+
			"<service>.<namespace>.svc.")
	}
	podNames := p.podNames(request.IPAddresses)
	for _, name := range request.DNSNames {
		switch {
		case strings.Contains(name, "*"):
			return violation(ReasonWildcardNotAllowed, "The DNS name %s is a wildcard: ask for the names themselves.",
				quote(name))
		case !slices.Contains(p.DNSNames, name) && !slices.Contains(podNames, name):
			return violation(ReasonDNSNameNotAllowed, "The DNS name %s is neither a name of this Service nor the name of "+
				"a pod whose IP address is requested too: leave it out, or configure it as an extra SAN.", quote(name))
		}
	}
	return nil
}

// checkAddresses allows the configured addresses, and a pod's address next to its name.
func (p Policy) checkAddresses(request *x509.CertificateRequest) error {
	for _, address := range request.IPAddresses {
		ip := toAddr(address)
		named := slices.ContainsFunc(p.podNames([]net.IP{address}), func(name string) bool {
			return slices.Contains(request.DNSNames, name)
		})
		if !named && !slices.ContainsFunc(p.ExtraIPs, func(extra netip.Addr) bool { return extra.Unmap() == ip }) {
			return violation(ReasonIPAddressNotAllowed, "The IP address %s comes without its pod's DNS name, and is not "+
				"configured either: add the name or leave the address out.", ip)
		}
	}
	return nil
}

// podNames returns the names of the pods that may have the addresses.
func (p Policy) podNames(addresses []net.IP) []string {
	if p.Namespace == "" {
		return nil
	}
	domain := cmp.Or(p.ClusterDomain, defaultClusterDomain)
	var names []string
	for _, address := range addresses {
		if ip := toAddr(address); mayBePod(ip) {
			names = append(names, identity.PodDNSName(ip, p.Namespace, domain))
		}
	}
	return names
}

// mayBePod leaves out the addresses that mean a different host to everybody who uses them.
func mayBePod(ip netip.Addr) bool {
	return ip.IsValid() && !ip.IsUnspecified() && !ip.IsLoopback() && !ip.IsMulticast() && !ip.IsLinkLocalUnicast()
}

func toAddr(ip net.IP) netip.Addr {
	addr, _ := netip.AddrFromSlice(ip)
	return addr.Unmap()
}
