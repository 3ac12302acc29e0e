// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package identity

import (
	"net/netip"
	"strings"
)

// ServiceNames returns the four names that cluster DNS and the API server know a Service by, from the shortest to the
// fully qualified one. It checks nothing: the arguments must be valid already, as [New] makes sure.
//
// The schema is that of "Kubernetes DNS-Based Service Discovery", section 2.3; the shorter forms are completed by a
// pod's search list. None is left out for looking like a number (a namespace may be called "2024"): Kubernetes
// accepts those names, so a client may use them.
func ServiceNames(service, namespace, clusterDomain string) []string {
	qualified := service + "." + namespace
	return []string{
		service,
		qualified,
		qualified + ".svc",
		qualified + ".svc." + clusterDomain,
	}
}

// PodDNSName returns the name of the pod that has the address ip, for example 10-0-0-7.shop.pod.cluster.local or
// fd00--7.shop.pod.cluster.local. It checks nothing: the arguments must be valid already.
//
// The IPv4 form is section 2.6 of "Kubernetes DNS-Based Service Discovery". That specification is silent on IPv6, so
// the form is the one CoreDNS reads: the address as the API writes it, with a dash for each colon. An address whose
// short form begins or ends with a colon (2001:db8::) would make a label that begins or ends with a dash, which RFC
// 1123 forbids. Such an address is written out in full (2001-0db8-0000-...), which CoreDNS also understands in its
// default mode, "pods insecure".
func PodDNSName(ip netip.Addr, namespace, clusterDomain string) string {
	return podLabel(ip.Unmap().WithZone("")) + "." + namespace + ".pod." + clusterDomain
}

// podLabel turns an address into one DNS label.
func podLabel(ip netip.Addr) string {
	dashes := strings.NewReplacer(".", "-", ":", "-")
	label := dashes.Replace(ip.String())
	if strings.HasPrefix(label, "-") || strings.HasSuffix(label, "-") {
		return dashes.Replace(ip.StringExpanded())
	}
	return label
}
