// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package authority

import (
	"cmp"
	"crypto/x509"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"time"

	certificatesv1 "k8s.io/api/certificates/v1"

	"github.com/hookstrap/hookstrap/internal/signer"
)

// SignerName is the signer that this package is unless a [Policy] says otherwise: spec.signerName of its requests.
const SignerName = signer.BuiltIn

// The lifetimes of serving certificates when a [Policy] does not say.
const (
	// DefaultMinDuration is also the shortest that the API server accepts.
	DefaultMinDuration = 10 * time.Minute
	DefaultMaxDuration = 90 * 24 * time.Hour
)

const defaultClusterDomain = "cluster.local"

// Policy says which requests are signed. The zero value refuses every request. A Policy is not changed by its
// methods; do not change it while it is in use.
type Policy struct {
	// SignerName is the signer whose requests are signed; the default is [SignerName].
	SignerName string
	// Requester is the only user whose requests are signed, as the API server records it in spec.username; see
	// [ServiceAccountUser].
	Requester string
	// DNSNames are the names that may be asked for: lower case, compared as they are. A wildcard never passes.
	DNSNames []string
	// Namespace allows, unless empty, the pods' own names, such as 10-0-0-7.NAMESPACE.pod.cluster.local. Such a name
	// and its IP address are allowed together only: both must be SANs of the request.
	Namespace string
	// ClusterDomain ends the pods' names; the default is cluster.local.
	ClusterDomain string
	// ExtraIPs are addresses that may be asked for without a pod's name, such as the Service's cluster IPs.
	ExtraIPs []netip.Addr
	// MinDuration is the shortest lifetime that may be asked for; the default is [DefaultMinDuration].
	MinDuration time.Duration
	// MaxDuration is the longest lifetime that is given, and what a request gets that does not ask for any; the
	// default is [DefaultMaxDuration].
	MaxDuration time.Duration
}

// ServiceAccountUser returns the user name under which the API server knows a ServiceAccount.
func ServiceAccountUser(namespace, name string) string {
	return "system:serviceaccount:" + namespace + ":" + name
}

// Check returns the parsed request of obj if it may be signed, or a [*PolicyError] for the first rule that it breaks.
// It does not look at the status: whether the request was approved is for [Authority.Sign] to see. It is pure and
// safe for concurrent use.
//
// A lifetime longer than MaxDuration is no violation: it is shortened, as the API allows a signer to do
// (spec.expirationSeconds).
func (p Policy) Check(obj *certificatesv1.CertificateSigningRequest) (*x509.CertificateRequest, error) {
	for _, check := range []func(*certificatesv1.CertificateSigningRequestSpec) error{
		p.checkSigner, p.checkRequester, checkUsages, p.checkDuration,
	} {
		if err := check(&obj.Spec); err != nil {
			return nil, err
		}
	}
	request, err := parseRequest(obj.Spec.Request)
	if err != nil {
		return nil, err
	}
	for _, check := range []func(*x509.CertificateRequest) error{
		checkKey, checkSignature, checkExtensions, checkSubject, p.checkNames, p.checkAddresses,
	} {
		if err := check(request); err != nil {
			return nil, err
		}
	}
	return request, nil
}

func (p Policy) signerName() string { return cmp.Or(p.SignerName, SignerName) }

func (p Policy) checkSigner(spec *certificatesv1.CertificateSigningRequestSpec) error {
	if spec.SignerName != p.signerName() {
		return violation(ReasonWrongSigner, "The request is for signer %s, and this is %s: set spec.signerName.",
			quote(spec.SignerName), p.signerName())
	}
	return nil
}

func (p Policy) checkRequester(spec *certificatesv1.CertificateSigningRequestSpec) error {
	if p.Requester == "" || spec.Username != p.Requester {
		return violation(ReasonRequesterNotAllowed, "The request was made by user %s, and only %s may: make it with "+
			"that ServiceAccount's token.", quote(spec.Username), quote(p.Requester))
	}
	return nil
}

// checkUsages wants what a TLS server needs and nothing else. Key encipherment is of use with RSA alone, but the API
// documents it for serving certificates, and clients ask for it without looking at their key.
func checkUsages(spec *certificatesv1.CertificateSigningRequestSpec) error {
	for _, usage := range spec.Usages {
		switch usage {
		case certificatesv1.UsageServerAuth, certificatesv1.UsageDigitalSignature, certificatesv1.UsageKeyEncipherment:
		default:
			return violation(ReasonUsagesNotAllowed, "The usage %s is not for a server's certificate: ask for server "+
				"auth, digital signature and, with an RSA key, key encipherment.", quote(string(usage)))
		}
	}
	for _, needed := range []certificatesv1.KeyUsage{
		certificatesv1.UsageServerAuth, certificatesv1.UsageDigitalSignature,
	} {
		if !slices.Contains(spec.Usages, needed) {
			return violation(ReasonUsagesNotAllowed, "The usage %q is missing: add it to spec.usages.", needed)
		}
	}
	return nil
}

func (p Policy) minDuration() time.Duration { return cmp.Or(p.MinDuration, DefaultMinDuration) }

func (p Policy) maxDuration() time.Duration { return cmp.Or(p.MaxDuration, DefaultMaxDuration) }

// checkDuration refuses what would expire before anybody could renew it.
func (p Policy) checkDuration(spec *certificatesv1.CertificateSigningRequestSpec) error {
	if asked, ok := requestedDuration(spec); ok && asked < p.minDuration() {
		return violation(ReasonDurationTooShort, "A lifetime of %s is asked for, and %s is the shortest: raise "+
			"spec.expirationSeconds to %d, or leave it out.", asked, p.minDuration(), int(p.minDuration().Seconds()))
	}
	return nil
}

// lifetime is how long the certificate of an accepted request is to last.
func (p Policy) lifetime(spec *certificatesv1.CertificateSigningRequestSpec) time.Duration {
	if asked, ok := requestedDuration(spec); ok {
		return min(asked, p.maxDuration())
	}
	return p.maxDuration()
}

// grants bounds a lifetime by what the record says of the CA's certificates: what is written there is what decides how
// long the CA stays trusted.
func (s *state) grants(lifetime time.Duration) time.Duration {
	if known := s.record.leaf(); known > 0 {
		return min(lifetime, known)
	}
	return lifetime
}

func requestedDuration(spec *certificatesv1.CertificateSigningRequestSpec) (time.Duration, bool) {
	if spec.ExpirationSeconds == nil {
		return 0, false
	}
	return time.Duration(*spec.ExpirationSeconds) * time.Second, true
}

// PolicyError says which rule of a [Policy] a request breaks. It becomes the Failed condition of the request.
type PolicyError struct {
	// Reason is a CamelCase word for programs, one of the Reason constants.
	Reason string
	// Message is a sentence for people: what is wrong and what to do.
	Message string
}

// The reasons of a [PolicyError], in the order in which [Policy.Check] looks for them.
const (
	ReasonWrongSigner          = "WrongSigner"
	ReasonRequesterNotAllowed  = "RequesterNotAllowed"
	ReasonUsagesNotAllowed     = "UsagesNotAllowed"
	ReasonDurationTooShort     = "DurationTooShort"
	ReasonRequestMalformed     = "RequestMalformed"
	ReasonKeyNotAllowed        = "KeyNotAllowed"
	ReasonSignatureInvalid     = "SignatureInvalid"
	ReasonExtensionNotAllowed  = "ExtensionNotAllowed"
	ReasonSANTypeNotAllowed    = "SANTypeNotAllowed"
	ReasonSubjectNotAllowed    = "SubjectNotAllowed"
	ReasonCommonNameNotAllowed = "CommonNameNotAllowed"
	ReasonSANsMissing          = "SANsMissing"
	ReasonWildcardNotAllowed   = "WildcardNotAllowed"
	ReasonDNSNameNotAllowed    = "DNSNameNotAllowed"
	ReasonIPAddressNotAllowed  = "IPAddressNotAllowed"
	maxQuoted                  = 253
	truncationMark             = "…"
)

// Error returns the message.
func (v *PolicyError) Error() string { return v.Message }

func violation(reason, format string, args ...any) error {
	return &PolicyError{Reason: reason, Message: fmt.Sprintf(format, args...)}
}

// quote makes a string of the requester's choosing safe to show: no control characters, and no longer than a DNS name.
func quote(s string) string {
	if len(s) > maxQuoted {
		s = s[:maxQuoted] + truncationMark
	}
	return strconv.Quote(s)
}
