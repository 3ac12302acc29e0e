// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package trust

import (
	"bytes"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Bundle is an immutable set of certificates which a client takes for its roots. The zero value is the empty bundle.
//
// A Bundle does not remember the order in which it was put together: the same certificates always give the same
// bytes, so replicas which never talk to each other write the same caBundle. It may be copied, and used by many
// goroutines at once.
//
// Membership does not ask for CA:TRUE. The API server puts every certificate of a caBundle into its root pool, and a
// self-signed serving certificate which is its own root is common in the field.
type Bundle struct {
	certs []*x509.Certificate // sorted by the SHA-256 of Raw, no two alike, never modified
}

// NewBundle returns the set of the given certificates, whatever their order and however often each was given.
// nil certificates are left out.
func NewBundle(certs ...*x509.Certificate) Bundle {
	type keyed struct {
		sum  [sha256.Size]byte
		cert *x509.Certificate
	}
	all := make([]keyed, 0, len(certs))
	for _, c := range certs {
		if c != nil {
			all = append(all, keyed{sha256.Sum256(c.Raw), c})
		}
	}
	slices.SortFunc(all, func(a, b keyed) int { return bytes.Compare(a.sum[:], b.sum[:]) })
	all = slices.CompactFunc(all, func(a, b keyed) bool { return a.sum == b.sum })
	var set Bundle
	for _, k := range all {
		set.certs = append(set.certs, k.cert)
	}
	return set
}

// Union returns the certificates of both bundles.
func (b Bundle) Union(o Bundle) Bundle {
	return NewBundle(slices.Concat(b.certs, o.certs)...)
}

// Without returns the certificates of b that are not in o.
func (b Bundle) Without(o Bundle) Bundle {
	return b.Filter(func(c *x509.Certificate) bool { return !o.Contains(c) })
}

// Intersect returns the certificates that both bundles have.
func (b Bundle) Intersect(o Bundle) Bundle { return b.Filter(o.Contains) }

// WithoutFingerprints returns the certificates of b whose [Fingerprint] is not among those given.
func (b Bundle) WithoutFingerprints(fingerprints []string) Bundle {
	return b.Filter(func(c *x509.Certificate) bool {
		return len(fingerprints) == 0 || !slices.Contains(fingerprints, Fingerprint(c))
	})
}

// Prune returns the bundle without the certificates which have expired at now. A certificate which is not valid yet
// stays: it was published ahead of its use.
func (b Bundle) Prune(now time.Time) Bundle {
	return b.Filter(func(c *x509.Certificate) bool { return !now.After(c.NotAfter) })
}

// Filter returns the certificates of b for which keep is true.
func (b Bundle) Filter(keep func(*x509.Certificate) bool) Bundle {
	var kept Bundle
	for _, c := range b.certs {
		if keep(c) {
			kept.certs = append(kept.certs, c)
		}
	}
	return kept
}

// Equal reports whether both bundles hold the same certificates.
func (b Bundle) Equal(o Bundle) bool {
	return slices.EqualFunc(b.certs, o.certs, (*x509.Certificate).Equal)
}

// Contains reports whether c is in the bundle, byte for byte.
func (b Bundle) Contains(c *x509.Certificate) bool {
	return c != nil && slices.ContainsFunc(b.certs, c.Equal)
}

// Empty reports whether the bundle has no certificate.
func (b Bundle) Empty() bool { return len(b.certs) == 0 }

// Len returns the number of certificates.
func (b Bundle) Len() int { return len(b.certs) }

// Certificates returns the certificates in the order in which [Bundle.PEM] writes them. The slice is the caller's.
func (b Bundle) Certificates() []*x509.Certificate { return slices.Clone(b.certs) }

// NotAfter returns when the last certificate of the bundle expires: from then on the bundle verifies nothing. It is
// the zero time for the empty bundle.
func (b Bundle) NotAfter() time.Time {
	if b.Empty() {
		return time.Time{}
	}
	last := slices.MaxFunc(b.certs, func(a, c *x509.Certificate) int { return a.NotAfter.Compare(c.NotAfter) })
	return last.NotAfter
}

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
