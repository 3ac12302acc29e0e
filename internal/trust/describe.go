// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package trust

import (
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"fmt"
	"strings"
	"time"
)

// Describe names every certificate of the bundle in one short line, for errors and logs.
func (b Bundle) Describe() string {
	if b.Empty() {
		return "no certificate"
	}
	described := make([]string, 0, len(b.certs))
	for _, c := range b.certs {
		described = append(described, DescribeCertificate(c))
	}
	return strings.Join(described, ", ")
}

// DescribeCertificate names one certificate in a few words: its subject (or its first name when the subject is
// empty), the beginning of the SHA-256 of its DER encoding, and when it expires. The certificate may be nil.
func DescribeCertificate(c *x509.Certificate) string {
	if c == nil {
		return "no certificate"
	}
	sum := sha256.Sum256(c.Raw)
	return fmt.Sprintf("%s sha256:%x expires %s", title(c), sum[:6], c.NotAfter.UTC().Format(time.RFC3339))
}

// Fingerprint is the SHA-256 of a certificate's DER encoding, in 64 lower-case hexadecimal digits.
func Fingerprint(c *x509.Certificate) string {
	sum := sha256.Sum256(c.Raw)
	return hex.EncodeToString(sum[:])
}

func title(c *x509.Certificate) string {
	switch {
	case c.Subject.String() != "":
		return c.Subject.String()
	case len(c.DNSNames) > 0:
		return c.DNSNames[0]
	}
	return "(no subject)"
}
