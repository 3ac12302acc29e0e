// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package trust

import (
	"bytes"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"fmt"
	"slices"
	"strings"
	"sync"
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
	members []*member // sorted by their sums, no two alike, never modified
}

// member is a certificate of bundles. What is made of it again and again is made once: a thousand objects have the same
// few certificates.
type member struct {
	cert *x509.Certificate
	sum  [sha256.Size]byte // of Raw
	pem  func() []byte
}

func newMember(c *x509.Certificate) *member {
	return &member{cert: c, sum: sha256.Sum256(c.Raw), pem: sync.OnceValue(func() []byte {
		return pem.EncodeToMemory(&pem.Block{Type: certificateBlock, Bytes: c.Raw})
	})}
}

func (m *member) compare(o *member) int { return bytes.Compare(m.sum[:], o.sum[:]) }

func (m *member) equal(o *member) bool { return m == o || m.sum == o.sum }

// NewBundle returns the set of the given certificates, whatever their order and however often each was given.
// nil certificates are left out.
func NewBundle(certs ...*x509.Certificate) Bundle {
	members := make([]*member, 0, len(certs))
	for _, c := range certs {
		if c != nil {
			members = append(members, newMember(c))
		}
	}
	return bundleOf(members)
}

// bundleOf takes over the members, in whatever order.
func bundleOf(members []*member) Bundle {
	slices.SortStableFunc(members, (*member).compare)
	return Bundle{slices.CompactFunc(members, (*member).equal)}
}

// Union returns the certificates of both bundles.
func (b Bundle) Union(o Bundle) Bundle {
	if o.Without(b).Empty() {
		return b
	}
	return bundleOf(slices.Concat(b.members, o.members))
}

// Without returns the certificates of b that are not in o.
func (b Bundle) Without(o Bundle) Bundle {
	return filter(b, func(m *member) bool { return !has(o, m) })
}

// Intersect returns the certificates that both bundles have.
func (b Bundle) Intersect(o Bundle) Bundle {
	return filter(b, func(m *member) bool { return has(o, m) })
}

func has(b Bundle, m *member) bool {
	_, found := slices.BinarySearchFunc(b.members, m, (*member).compare)
	return found
}

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
	return filter(b, func(m *member) bool { return keep(m.cert) })
}

func filter(b Bundle, keep func(*member) bool) Bundle {
	kept := slices.DeleteFunc(slices.Clone(b.members), func(m *member) bool { return !keep(m) })
	return Bundle{kept}
}

// Equal reports whether both bundles hold the same certificates.
func (b Bundle) Equal(o Bundle) bool {
	return slices.EqualFunc(b.members, o.members, (*member).equal)
}

// Contains reports whether c is in the bundle, byte for byte.
func (b Bundle) Contains(c *x509.Certificate) bool {
	return c != nil && slices.ContainsFunc(b.members, func(m *member) bool { return m.cert.Equal(c) })
}

// Empty reports whether the bundle has no certificate.
func (b Bundle) Empty() bool { return len(b.members) == 0 }

// Len returns the number of certificates.
func (b Bundle) Len() int { return len(b.members) }

// Certificates returns the certificates in the order in which [Bundle.PEM] writes them. The slice is the caller's.
func (b Bundle) Certificates() []*x509.Certificate {
	var certs []*x509.Certificate
	for _, m := range b.members {
		certs = append(certs, m.cert)
	}
	return certs
}

// NotAfter returns when the last certificate of the bundle expires: from then on the bundle verifies nothing. It is
// the zero time for the empty bundle.
func (b Bundle) NotAfter() time.Time {
	if b.Empty() {
		return time.Time{}
	}
	last := slices.MaxFunc(b.members, func(a, c *member) int { return a.cert.NotAfter.Compare(c.cert.NotAfter) })
	return last.cert.NotAfter
}

// Describe names every certificate of the bundle in one short line, for errors and logs.
func (b Bundle) Describe() string {
	if b.Empty() {
		return "no certificate"
	}
	described := make([]string, 0, len(b.members))
	for _, m := range b.members {
		described = append(described, DescribeCertificate(m.cert))
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
