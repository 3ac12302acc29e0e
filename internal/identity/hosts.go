// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package identity

import (
	"cmp"
	"errors"
	"net/netip"
)

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
