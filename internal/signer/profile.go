// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package signer

import (
	"crypto/x509/pkix"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

// CASource is a place where the CA of a signer can be found.
type CASource string

const (
	// SourceAuthority is the built-in signer's own CA.
	SourceAuthority CASource = "authority"
	// SourceFile is a file that a person named: --ca-file.
	SourceFile CASource = "file"
	// SourceTrustBundle are the ClusterTrustBundles of the signer (KEP-3257), which only holders of the "attest"
	// right on the signer can write.
	SourceTrustBundle CASource = "cluster-trust-bundle"
	// SourceRootCAConfigMap is the ConfigMap [RootCAConfigMapName], of which kube-controller-manager keeps a copy in
	// each namespace. It verifies the API server, and kubelet-serving certificates on many clusters, not on all
	// (kubernetes#82952): what it holds must be tried against the leaf.
	SourceRootCAConfigMap CASource = "kube-root-ca.crt"
	// SourceChain are the certificates that follow the leaf in status.certificate.
	SourceChain CASource = "chain"
)

// RootCAConfigMapName is where [SourceRootCAConfigMap] is read.
const RootCAConfigMapName = "kube-root-ca.crt"

// maxCommonName is ub-common-name of RFC 5280, appendix A.1, in characters.
const maxCommonName = 64

// Profile is what one signer demands and gives. Only [Lookup], [LookupFor] and [LookupBuiltIn] make useful ones.
type Profile struct {
	name         string
	usage        Usage
	builtIn      bool
	organization []string
	commonName   func(serverName, commonName string) string
	sources      []CASource
	hint         string
	longNames    bool
}

// Name is the signer's name, as spec.signerName has it.
func (p Profile) Name() string { return p.name }

// BuiltIn reports whether the signer is the one that this project brings along.
func (p Profile) BuiltIn() bool { return p.builtIn }

// Subject is the subject that a request must have. serverName is the name that clients verify
// (<service>.<namespace>.svc); commonName is the one to use where the signer leaves the choice, and may be empty.
//
// It fails when the common name would exceed the 64 characters of RFC 5280, for then the request is invalid and some
// signers say so, if at all, long after it was approved.
func (p Profile) Subject(serverName, commonName string) (pkix.Name, error) {
	subject := pkix.Name{Organization: slices.Clone(p.organization), CommonName: commonName}
	if p.commonName != nil {
		subject.CommonName = p.commonName(serverName, commonName)
	}
	if n := utf8.RuneCountInString(subject.CommonName); n > maxCommonName {
		return pkix.Name{}, fmt.Errorf("signer %s needs the common name %q, which has %d characters, but X.509 allows %d: "+
			"shorten the name of the Service or namespace, or choose another signer",
			p.name, subject.CommonName, n, maxCommonName)
	}
	return subject, nil
}

// CASources lists where to look for the signer's CA, the most authoritative place first. What is found is a
// candidate: use it only if it verifies the leaf. The slice is the caller's.
func (p Profile) CASources() []CASource { return slices.Clone(p.sources) }

// LongNames reports whether the signer takes <service>.<namespace>.svc, with the cluster's domain or without, and
// neither shorter names nor addresses.
func (p Profile) LongNames() bool { return p.longNames }

// Hint says who is expected to answer an approved request and what commonly keeps them from it. It completes a
// sentence such as "the request was approved 2m ago but no certificate was issued: ...".
func (p Profile) Hint() string { return p.hint }

// masters is the group that may do everything and that no rule of RBAC limits.
const masters = "system:masters"

const nodePrefix = "system:node:"

// Complete is the subject that somebody wrote down by hand, and what the signer demands of it beyond that. host is
// the first name of the certificate. The error says what the signer would refuse, or never answer.
func (p Profile) Complete(subject pkix.Name, host string) (pkix.Name, error) {
	demanded, err := p.Subject(host, subject.CommonName)
	if err != nil && subject.CommonName == "" {
		return pkix.Name{}, err
	}
	if subject.CommonName == "" {
		subject.CommonName = demanded.CommonName
	}
	if len(subject.Organization) == 0 {
		subject.Organization = demanded.Organization
	}
	if n := utf8.RuneCountInString(subject.CommonName); n > maxCommonName {
		return pkix.Name{}, fmt.Errorf("the common name %q has %d characters, but X.509 allows %d: shorten it",
			subject.CommonName, n, maxCommonName)
	}
	switch p.name {
	case KubeletServing:
		return subject, kubeletSubject(subject, demanded.Organization)
	case APIServerClient:
		return subject, clientSubject(subject)
	default:
		return subject, nil
	}
}

func kubeletSubject(subject pkix.Name, organization []string) error {
	if !strings.HasPrefix(subject.CommonName, nodePrefix) {
		return fmt.Errorf("signer %s takes no common name but %sNAME, and was to get %q: leave it out",
			KubeletServing, nodePrefix, subject.CommonName)
	}
	if !slices.Equal(subject.Organization, organization) {
		return fmt.Errorf("signer %s takes the organization %s alone, and was to get %q: leave it out",
			KubeletServing, strings.Join(organization, ", "), subject.Organization)
	}
	return nil
}

func clientSubject(subject pkix.Name) error {
	switch {
	case subject.CommonName == "":
		return fmt.Errorf("signer %s needs a common name: it is the user who logs in with the certificate", APIServerClient)
	case slices.Contains(subject.Organization, masters):
		return fmt.Errorf("signer %s issues nothing for the group %s, as the API server sees to: choose another "+
			"organization and bind a role to it", APIServerClient, masters)
	default:
		return nil
	}
}
