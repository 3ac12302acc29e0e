// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package bootstrap

import (
	"crypto/x509"
	"slices"

	"github.com/hookstrap/hookstrap/internal/identity"
)

// answerTo says which names the certificates that are asked for have: entries that call one of them are ours.
func (b *Bootstrapper) answerTo(id identity.Identity) {
	names := slices.Clone(id.DNSNames)
	for _, ip := range id.IPs {
		names = append(names, ip.String())
	}
	b.injector.SetNames(names)
}

// answerToLeaf is answerTo for a certificate that somebody else has asked for.
func (b *Bootstrapper) answerToLeaf(leaf *x509.Certificate) {
	names := slices.Clone(leaf.DNSNames)
	for _, ip := range leaf.IPAddresses {
		names = append(names, ip.String())
	}
	b.injector.SetNames(names)
}
