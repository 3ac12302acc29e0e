// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package authority

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"slices"
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
