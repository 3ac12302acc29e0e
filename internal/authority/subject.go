// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package authority

import (
	"cmp"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"net"
	"net/netip"
	"slices"
	"strings"

	"github.com/hookstrap/hookstrap/internal/identity"
)

// maxCommonName is ub-common-name of RFC 5280, appendix A.1.
const maxCommonName = 64

// GeneralName tags of RFC 5280, section 4.2.1.6, that a request may use.
const (
	tagDNSName   = 2
	tagIPAddress = 7
)

func oidCommonName() asn1.ObjectIdentifier { return asn1.ObjectIdentifier{2, 5, 4, 3} }

func oidSubjectAltName() asn1.ObjectIdentifier { return asn1.ObjectIdentifier{2, 5, 29, 17} }

// checkExtensions refuses every extension but the SANs. None of the others would be copied, so a requester who wants
// basicConstraints, keyUsage or name constraints is told rather than given something else.
func checkExtensions(request *x509.CertificateRequest) error {
	for _, extension := range request.Extensions {
		if !extension.Id.Equal(oidSubjectAltName()) {
			return violation(ReasonExtensionNotAllowed, "The extension %s is requested, and subjectAltName is the only "+
				"one that may be: leave it out; usages go to spec.usages.", extension.Id)
		}
		if err := checkSANTypes(extension); err != nil {
			return err
		}
	}
	return nil
}

// checkSANTypes looks at the names as they are encoded, because the parser passes over kinds it does not know.
func checkSANTypes(extension pkix.Extension) error {
	var names []asn1.RawValue
	if rest, err := asn1.Unmarshal(extension.Value, &names); err != nil || len(rest) > 0 {
		return violation(ReasonRequestMalformed, "The SANs of the request are not a list of names: make a new one.")
	}
	for _, name := range names {
		if name.Class != asn1.ClassContextSpecific || name.Tag != tagDNSName && name.Tag != tagIPAddress {
			return violation(ReasonSANTypeNotAllowed, "A SAN is neither a DNS name nor an IP address: leave out e-mail "+
				"addresses, URIs and other names.")
		}
	}
	return nil
}

// checkSubject wants an empty subject, or a common name that repeats one of the SANs.
func checkSubject(request *x509.CertificateRequest) error {
	for i, attribute := range request.Subject.Names {
		if i > 0 || !attribute.Type.Equal(oidCommonName()) {
			return violation(ReasonSubjectNotAllowed, "The subject has more than one common name (attribute %s): leave "+
				"out organizations and the like.", attribute.Type)
		}
	}
	name := request.Subject.CommonName
	switch {
	case name == "":
		return nil
	case len(name) > maxCommonName:
		return violation(ReasonCommonNameNotAllowed, "The common name has %d characters, and %d are the most: leave it "+
			"empty; clients read the SANs.", len(name), maxCommonName)
	case !slices.Contains(request.DNSNames, name):
		return violation(ReasonCommonNameNotAllowed, "The common name %s is not among the DNS names of the request: "+
			"repeat one of them, or leave it empty.", quote(name))
	default:
		return nil
	}
}

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
