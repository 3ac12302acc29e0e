// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package identity

import (
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
