// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package csr

import (
	"crypto"
	"crypto/x509"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"k8s.io/client-go/util/cert"

	"github.com/hookstrap/hookstrap/internal/pemtext"
	"github.com/hookstrap/hookstrap/internal/signer"
)

const (
	// minRemaining is the shortest remaining lifetime that is worth serving.
	minRemaining = time.Minute
	// maxSkew is how far NotBefore may lie in our future: the API server that verifies has a clock of its own.
	maxSkew = time.Minute
)

// Verify parses what a signer answered (PEM, the leaf first) and checks it against what was asked for: the key, the
// SANs, the usages and the lifetime at now. If nothing is wrong but that it is not valid yet, the error is a
// [*NotValidYetError], and the chain is returned with it. It does not check the chain: which CA to trust is for package
// trust to say. The error names the first thing that is wrong. The profile of a TLS server's certificate is RFC 5280's.
func Verify(certificatePEM []byte, key crypto.PublicKey, spec Spec, now time.Time) ([]*x509.Certificate, error) {
	chain, err := cert.ParseCertsPEM(pemtext.Clean(certificatePEM))
	if err != nil {
		return nil, fmt.Errorf("status.certificate is not a PEM certificate: look at signer %q: %w", spec.Profile.Name(), err)
	}
	for _, check := range []func() error{
		func() error { return verifyKey(chain[0], key) },
		func() error { return verifyNames(chain[0], spec) },
		func() error { return verifyUsages(chain[0], spec.Profile) },
		func() error { return verifySubject(chain[0], spec) },
		func() error { return verifyLifetime(chain[0], now) },
	} {
		switch err := check(); {
		case errors.As(err, new(*NotValidYetError)):
			return chain, fmt.Errorf("the certificate of signer %q cannot be used yet: %w", spec.Profile.Name(), err)
		case err != nil:
			return nil, fmt.Errorf("the certificate of signer %q is refused: %w", spec.Profile.Name(), err)
		}
	}
	return chain, nil
}

// NotValidYetError says that a certificate begins more than a minute after the time it is here: the signer's clock is
// ahead of ours, or ours is behind.
type NotValidYetError struct{ From, Now time.Time }

// Error says both times.
func (e *NotValidYetError) Error() string {
	return fmt.Sprintf("it is not valid before %s, and it is %s here: check both clocks",
		e.From.Format(time.RFC3339), e.Now.Format(time.RFC3339))
}

// Usable is from when on the certificate can be used.
func (e *NotValidYetError) Usable() time.Time { return e.From.Add(-maxSkew) }

func verifyKey(leaf *x509.Certificate, key crypto.PublicKey) error {
	public, ok := leaf.PublicKey.(interface{ Equal(crypto.PublicKey) bool })
	if !ok || !public.Equal(key) {
		return fmt.Errorf("it is for another public key than the one in the request")
	}
	return nil
}

func verifyNames(leaf *x509.Certificate, spec Spec) error {
	if missing := spec.Identity.Missing(leaf); len(missing) > 0 {
		return fmt.Errorf("it lacks the SANs %s that were asked for: check the signer's policy on SANs",
			strings.Join(missing, ", "))
	}
	return nil
}

// verifySubject: a server is known by its names, a client by its subject alone.
func verifySubject(leaf *x509.Certificate, spec Spec) error {
	if spec.Subject == nil || spec.Profile.Usage() != signer.ClientAuth {
		return nil
	}
	got, want := leaf.Subject, *spec.Subject
	if got.CommonName != want.CommonName || !sameSet(got.Organization, want.Organization) {
		return fmt.Errorf("it is for the subject %q, and %q was asked for: check the signer's policy on subjects", got, want)
	}
	return nil
}

func verifyUsages(leaf *x509.Certificate, profile signer.Profile) error {
	switch {
	case leaf.IsCA:
		return fmt.Errorf("it is a CA certificate, not a leaf")
	case !slices.Contains(leaf.ExtKeyUsage, profile.ExtKeyUsage()):
		return fmt.Errorf("it lacks the extended key usage %s", strings.ReplaceAll(string(profile.Usage()), "-", " "))
	case leaf.KeyUsage&x509.KeyUsageDigitalSignature == 0:
		return fmt.Errorf("it lacks the key usage digital signature")
	default:
		return nil
	}
}

func verifyLifetime(leaf *x509.Certificate, now time.Time) error {
	switch {
	case leaf.NotBefore.After(now.Add(maxSkew)):
		return &NotValidYetError{From: leaf.NotBefore, Now: now}
	case leaf.NotAfter.Before(now.Add(minRemaining)):
		return fmt.Errorf("it expires at %s, and it is %s here: check both clocks and the CA's own expiry",
			leaf.NotAfter.Format(time.RFC3339), now.Format(time.RFC3339))
	default:
		return nil
	}
}
