// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package podcert

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/x509"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/types"
)

// The lifetimes of certificates.
const (
	// ShortestLifetime is the shortest that the API server takes.
	ShortestLifetime = time.Hour
	// LongestLifetime is the longest that a request can ask for.
	LongestLifetime = 91 * 24 * time.Hour
	// DefaultLifetime bounds what is given, unless a [Policy] says otherwise. A CA that no longer signs stays trusted for
	// as long.
	DefaultLifetime = 7 * 24 * time.Hour
)

// Policy says which Pods get certificates. The zero value refuses every request. It is not changed by its methods; do
// not change it while it is in use.
type Policy struct {
	// SignerName is the signer whose requests are signed.
	SignerName string
	// ClusterDomain ends the long names of Services, such as cluster.local.
	ClusterDomain string
	// Namespaces are those whose Pods get certificates; all if empty.
	Namespaces []string
	// ServiceAccounts are those whose Pods get certificates; all if empty.
	ServiceAccounts []types.NamespacedName
	// KeyTypes are what a projection may name as its keyType; all that the API server knows if empty. See [KeyTypes].
	KeyTypes []string
	// MaxLifetime bounds what is given; the default is [DefaultLifetime].
	MaxLifetime time.Duration
}

// KeyTypes are the types of keys that the API server lets a Pod have.
func KeyTypes() []string {
	return []string{"ECDSAP256", "ECDSAP384", "ECDSAP521", "ED25519", "RSA3072", "RSA4096"}
}

// keyType names a public key as the keyType of a projection does.
func keyType(public any) string {
	switch key := public.(type) {
	case *ecdsa.PublicKey:
		return "ECDSA" + strings.ReplaceAll(key.Params().Name, "-", "")
	case ed25519.PublicKey:
		return "ED25519"
	case *rsa.PublicKey:
		return "RSA" + strconv.Itoa(key.Size()*8)
	default:
		return fmt.Sprintf("%T", public)
	}
}

// publicKey returns the key of the request, if its type is one that is signed for. The API server has verified that the
// request is signed with it. What else the request says does not matter.
func (p Policy) publicKey(r *Request) (any, error) {
	request, err := x509.ParseCertificateRequest(r.PKCS10)
	if err != nil {
		return nil, denied(ReasonRequestMalformed, "spec.stubPKCS10Request is not a PKCS #10 request (%v): make the request "+
			"through certificates.k8s.io/v1.", err)
	}
	allowed := p.KeyTypes
	if len(allowed) == 0 {
		allowed = KeyTypes()
	}
	if got := keyType(request.PublicKey); !slices.Contains(allowed, got) {
		return nil, denied(ReasonUnsupportedKeyType, "The key is of type %s, and this signer signs for %s: set keyType of "+
			"the projection.", got, strings.Join(allowed, ", "))
	}
	return request.PublicKey, nil
}

// lifetime is how long the certificate is to last, from its first second to its last.
func (p Policy) lifetime(r *Request) time.Duration {
	longest := p.MaxLifetime
	if longest == 0 {
		longest = DefaultLifetime
	}
	return min(r.MaxLifetime, longest)
}

// admits tells whether Pods of the request's namespace and ServiceAccount get certificates at all.
func (p Policy) admits(r *Request) error {
	if len(p.Namespaces) > 0 && !slices.Contains(p.Namespaces, r.Namespace) {
		return waiting(ReasonNamespaceNotAllowed, "Pods of the namespace %s get no certificates of signer %s: ask its "+
			"operator for --allowed-namespace.", r.Namespace, p.SignerName)
	}
	if len(p.ServiceAccounts) > 0 && !slices.Contains(p.ServiceAccounts, r.serviceAccount()) {
		return waiting(ReasonServiceAccountNotAllowed, "Pods of the ServiceAccount %s get no certificates of signer %s: ask "+
			"its operator for --allowed-service-account.", r.serviceAccount(), p.SignerName)
	}
	return nil
}
