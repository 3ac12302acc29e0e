// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package identity

import (
	"cmp"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
)

// ParseIPs parses addresses, each value being one address or several separated by commas: the downward API writes
// status.podIPs of a dual-stack pod into one variable, "10.0.0.7,fd00::7". Empty parts give nothing, and so does
// "None", which a headless Service has for a cluster IP. The order is kept. The error joins one sentence for each
// value that is not an address.
func ParseIPs(values []string) ([]netip.Addr, error) {
	var parts []string
	for _, value := range values {
		for part := range strings.SplitSeq(value, ",") {
			if part = strings.TrimSpace(part); part != "" && part != "None" {
				parts = append(parts, part)
			}
		}
	}
	ips, faults := parseEach(parts, func(part string) (netip.Addr, error) {
		ip, err := netip.ParseAddr(part)
		if err != nil {
			return netip.Addr{}, fmt.Errorf("%q is not an IP address: give one such as 10.0.0.7 or fd00::7", part)
		}
		return ip, nil
	})
	if err := errors.Join(faults...); err != nil {
		return nil, err
	}
	return ips, nil
}

// NetIPs returns IPs as crypto/x509 wants them. The slice is the caller's.
func (id Identity) NetIPs() []net.IP {
	ips := make([]net.IP, 0, len(id.IPs))
	for _, ip := range id.IPs {
		ips = append(ips, ip.AsSlice())
	}
	return ips
}

// podIP checks one of the pod's addresses, which other machines are to dial.
func podIP(ip netip.Addr) (netip.Addr, error) {
	if ip = ip.Unmap(); ip.IsLoopback() {
		return netip.Addr{}, fmt.Errorf("the pod IP %s is a loopback address, which no other machine can dial: "+
			"pass it as an extra SAN if it is meant", ip)
	}
	return usable("pod IP", ip)
}

// clusterIP checks one of the Service's addresses. They are of the API server's choice, and who dials them is on a
// node or is the API server itself: a range of loopback addresses keeps a control plane's calls on its own machine.
func clusterIP(ip netip.Addr) (netip.Addr, error) {
	return usable("cluster IP", ip.Unmap())
}

func usable(field string, ip netip.Addr) (netip.Addr, error) {
	if fault := addressFault(ip); fault != "" {
		return netip.Addr{}, fmt.Errorf("the %s %q %s", field, ip, fault)
	}
	return ip, nil
}

// addressFault says what is wrong with an address, or nothing.
func addressFault(ip netip.Addr) string {
	switch {
	case !ip.IsValid():
		return "is not an IP address"
	case ip.Zone() != "":
		return "has a zone, which means nothing on another machine: give the address without %" + ip.Zone()
	case ip.IsUnspecified():
		return "is the unspecified address, which cannot be dialed: give the pod's own address"
	case ip.IsMulticast():
		return "is a multicast address, on which no TLS server can listen: give the pod's own address"
	}
	return ""
}

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
