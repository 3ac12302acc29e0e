// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package identity

import (
	"crypto/x509"
	"net/netip"
	"slices"
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

// maxCommonName is ub-common-name of RFC 5280, appendix A.1, in characters.
const maxCommonName = 64

// ServerName is the name that the API server verifies whenever it calls the webhook: <service>.<namespace>.svc.
func (id Identity) ServerName() string { return serverName(id.Service, id.Namespace) }

// ServerName is that of the [Identity], which need not be known for it.
func (in Inputs) ServerName() string { return serverName(in.Service, in.Namespace) }

func serverName(service, namespace string) string { return service + "." + namespace + ".svc" }

// CommonName is the shortest of the DNS names that fits into a certificate's common name, which RFC 5280 limits to 64
// characters; of equally short ones it is the first in lexical order. It is empty if none fits: an empty subject is
// valid as long as there are SANs, and only SANs are ever verified.
func (id Identity) CommonName() string {
	var shortest string
	for _, name := range slices.Sorted(slices.Values(id.DNSNames)) {
		if len(name) <= maxCommonName && (shortest == "" || len(name) < len(shortest)) {
			shortest = name
		}
	}
	return shortest
}

// Missing returns the names and addresses of the identity for which a client would not accept leaf, names first. A
// certificate with missing names has to be renewed: the pod got another address, or somebody added an extra SAN.
//
// Whether a client would accept is asked of crypto/x509 (RFC 6125), so a certificate from elsewhere may cover several
// names by a wildcard. Without a leaf everything is missing.
func (id Identity) Missing(leaf *x509.Certificate) []string {
	var missing []string
	for _, name := range id.DNSNames {
		if leaf == nil || leaf.VerifyHostname(name) != nil {
			missing = append(missing, name)
		}
	}
	for _, ip := range id.IPs {
		if leaf == nil || leaf.VerifyHostname(ip.String()) != nil {
			missing = append(missing, ip.String())
		}
	}
	return missing
}
