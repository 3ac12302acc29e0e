// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package identity

import (
	"cmp"
	"errors"
	"fmt"
	"net/netip"
	"strings"
)

// parseExtraSANs tells addresses from names and checks each as what it is.
func parseExtraSANs(values []string) (names []string, ips []netip.Addr, faults []error) {
	for _, value := range values {
		ip, err := netip.ParseAddr(value)
		if err != nil {
			name, fault := extraName(value)
			if fault != nil {
				faults = append(faults, fault)
				continue
			}
			names = append(names, name)
			continue
		}
		ip = ip.Unmap()
		if fault := addressFault(ip); fault != "" {
			faults = append(faults, fmt.Errorf("the extra SAN %q %s", value, fault))
			continue
		}
		ips = append(ips, ip)
	}
	return names, ips, faults
}

// extraName checks an extra SAN which is not an address.
func extraName(value string) (string, error) {
	name := normalize(value)
	switch {
	case name == "":
		return "", fmt.Errorf("the extra SAN %q is empty: give a DNS name or an IP address, or leave it out", value)
	case strings.Contains(name, "*"):
		// An attacker with the key could otherwise answer for other Services too.
		return "", fmt.Errorf("the extra SAN %q is a wildcard, which this server never asks for: list the names", value)
	case strings.ContainsAny(name, ":/[]"):
		return "", fmt.Errorf("the extra SAN %q is neither a DNS name nor an IP address: "+
			"give the bare host, without scheme, brackets, prefix length or port", value)
	}
	if fault := hostFault(name); fault != "" {
		return "", fmt.Errorf("the extra SAN %q %s", value, fault)
	}
	return name, nil
}

// ForHosts is the identity of a server or client without a Service: the DNS names and IP addresses alone, in the form
// and with the faults of [Inputs].ExtraSANs. None at all is no fault, for a client has none.
func ForHosts(hosts []string) (Identity, error) {
	names, ips, faults := parseExtraSANs(hosts)
	if err := errors.Join(faults...); err != nil {
		return Identity{}, err
	}
	return Identity{
		DNSNames: sorted(names, cmp.Compare[string]),
		IPs:      sorted(ips, netip.Addr.Compare),
	}, nil
}
