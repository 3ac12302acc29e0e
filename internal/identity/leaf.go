// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package identity

import (
	"crypto/x509"
	"slices"
)

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
