// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

// Package request obtains one certificate without a Service: a server known by its hosts, or a client known by
// its subject, with a kubeconfig to log in with.
//
// It is what people do by hand with openssl or cfssl, a CertificateSigningRequest object and `kubectl certificate
// approve`, with the checks of package csr, and once: nothing is renewed, and nothing is written into a caBundle.
package request

import (
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/hookstrap/hookstrap/internal/csr"
	"github.com/hookstrap/hookstrap/internal/identity"
	"github.com/hookstrap/hookstrap/internal/signer"
)

// Options say which certificate is wanted.
type Options struct {
	// Hosts are the DNS names and IP addresses of the certificate. A server has one or more, a client need not have any.
	Hosts []string
	// Subject is the subject; what the signer demands of it is added where it is empty.
	Subject pkix.Name
	// Usage is what it is for; the zero value is [signer.ServerAuth].
	Usage signer.Usage
	// SignerName is the signer that is asked. Not the built-in one: it signs for a Service.
	SignerName string
	// Approval says who approves the request; the zero value is [csr.ApproveExternal].
	Approval csr.Approval
	// Algorithm is the key to make; the zero value is ECDSA P-256.
	Algorithm csr.KeyAlgorithm
	// Duration is the lifetime to ask for, between [csr.MinDuration] and [csr.MaxDuration]; 0 leaves it to the signer.
	Duration time.Duration
	// CAFile is a PEM file with the signer's CA. With it, a certificate that it does not verify is refused; without it,
	// the CA is looked for.
	CAFile string
	// Namespace is where to look for the ConfigMap kube-root-ca.crt.
	Namespace string
}

// Spec is the request to be made. It contacts nothing; the error joins one sentence for each fault.
func (o Options) Spec() (csr.Spec, error) {
	profile, err := signer.LookupFor(o.SignerName, o.Usage)
	if err == nil && profile.BuiltIn() {
		err = fmt.Errorf("the signer %q signs for the names of a Service alone: name the Service, or another signer",
			o.SignerName)
	}
	id, hostFaults := identity.ForHosts(o.Hosts)
	if err := errors.Join(err, hostFaults); err != nil {
		return csr.Spec{}, err
	}
	if len(o.Hosts) == 0 && profile.Usage() == signer.ServerAuth {
		return csr.Spec{}, errors.New("a server's certificate needs a host: clients verify nothing else of it")
	}
	firstHost := slices.Concat(o.Hosts, []string{""})[0]
	subject, err := profile.Complete(o.Subject, firstHost)
	if err != nil {
		return csr.Spec{}, err
	}
	return csr.Spec{Identity: id, Profile: profile, Subject: &subject, Algorithm: o.Algorithm, Duration: o.Duration}, nil
}
