// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package signer

import (
	"crypto"
	"crypto/rsa"
	"crypto/x509"
	"fmt"

	certificatesv1 "k8s.io/api/certificates/v1"
)

// Usage is what a certificate is for, as it is written on the command line.
type Usage string

// The two usages.
const (
	// ServerAuth is for a server, which clients find by its names.
	ServerAuth Usage = "server-auth"
	// ClientAuth is for a client, which servers know by its subject.
	ClientAuth Usage = "client-auth"
)

// APIServerClient is the signer for clients of the API server, for which the common name is the user and the
// organizations are the groups.
const APIServerClient = certificatesv1.KubeAPIServerClientSignerName

// ParseUsage reads "server-auth" or "client-auth".
func ParseUsage(s string) (Usage, error) {
	switch u := Usage(s); u {
	case ServerAuth, ClientAuth:
		return u, nil
	default:
		return "", fmt.Errorf("unknown usage %q: use %s or %s", s, ServerAuth, ClientAuth)
	}
}

// LookupFor is [Lookup] for a certificate of the given usage: a signer that issues certificates of the other one
// alone is refused.
func LookupFor(name string, usage Usage) (Profile, error) {
	if usage != ClientAuth {
		return Lookup(name)
	}
	return lookup(name, ClientAuth, lookupClientKind)
}

func lookupClientKind(name, domain, path string) (Profile, error) {
	switch {
	case name == APIServerClient:
		return apiServerClient(), nil
	case name == BuiltIn, name == EKSAppServing, name == KubeletServing:
		return Profile{}, fmt.Errorf("the signer %q issues serving certificates, which cannot be used to log in: use %s",
			name, APIServerClient)
	case domain == kubernetesDomain:
		return Profile{}, fmt.Errorf("the signer %q issues no client certificates but those of kubelets and pods: use %s",
			name, APIServerClient)
	}
	return lookupKind(name, domain, path)
}

func apiServerClient() Profile {
	return Profile{
		sources: []CASource{SourceFile},
		hint: "it is signed by kube-controller-manager started with --cluster-signing-cert-file and " +
			"--cluster-signing-key-file; managed clusters may have no such signer",
	}
}

// Usages are the key usages to ask for, in a fixed order. They suit every signer: serving (or being a client) and
// signing handshakes always, and encrypting a key exchange if the key is RSA, which no other type of key can do (RFC
// 5480, section 3, and RFC 8410, section 5). kubelet-serving accepts precisely these two sets.
func (p Profile) Usages(pub crypto.PublicKey) []certificatesv1.KeyUsage {
	usages := []certificatesv1.KeyUsage{certificatesv1.UsageDigitalSignature}
	if _, ok := pub.(*rsa.PublicKey); ok {
		usages = append(usages, certificatesv1.UsageKeyEncipherment)
	}
	return append(usages, p.keyUsage())
}

// Usage is what the certificates of this profile are for.
func (p Profile) Usage() Usage { return p.usage }

// ExtKeyUsage is the extended key usage that a certificate must have.
func (p Profile) ExtKeyUsage() x509.ExtKeyUsage {
	if p.usage == ClientAuth {
		return x509.ExtKeyUsageClientAuth
	}
	return x509.ExtKeyUsageServerAuth
}

// keyUsage is the same in the words of the CertificateSigningRequest API.
func (p Profile) keyUsage() certificatesv1.KeyUsage {
	if p.usage == ClientAuth {
		return certificatesv1.UsageClientAuth
	}
	return certificatesv1.UsageServerAuth
}
