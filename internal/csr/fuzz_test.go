// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package csr

import (
	"crypto/x509"
	"encoding/pem"
	"slices"
	"testing"
	"time"

	"github.com/hookstrap/hookstrap/internal/signer"
)

// FuzzVerify: whatever a signer writes into status.certificate, Verify does not panic, and the leaf that it accepts is
// for our key, for all our names and addresses, a server's, and valid for as long as is worth serving.
func FuzzVerify(f *testing.F) {
	now := time.Date(2026, 5, 4, 3, 2, 1, 0, time.UTC)
	spec, key := testSpec(f, signer.BuiltIn), newKey(f)
	good := selfSigned(f, leafTemplate(spec, now), key)
	f.Add(good)
	f.Add(slices.Concat(good, selfSigned(f, leafTemplate(spec, now), newKey(f))))
	f.Add(slices.Concat(selfSigned(f, leafTemplate(spec, now), newKey(f)), good))
	f.Add(good[:len(good)-40])
	f.Add(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: []byte("garbage")}))
	f.Add([]byte("-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n"))
	f.Fuzz(func(t *testing.T, answer []byte) {
		chain, err := Verify(answer, key.Public(), spec, now)
		if err != nil {
			return
		}
		leaf := chain[0]
		if !key.PublicKey.Equal(leaf.PublicKey) {
			t.Error("accepted a certificate for another key")
		}
		for _, name := range append(slices.Clone(spec.Identity.DNSNames), "10.1.2.3", "fd00::3") {
			if err := leaf.VerifyHostname(name); err != nil {
				t.Errorf("accepted a certificate that nobody would take for %s: %v", name, err)
			}
		}
		if leaf.IsCA || !slices.Contains(leaf.ExtKeyUsage, x509.ExtKeyUsageServerAuth) {
			t.Error("accepted a certificate that is no server's")
		}
		if leaf.NotAfter.Before(now) || leaf.NotBefore.After(now.Add(maxSkew)) {
			t.Errorf("accepted a certificate that is valid from %s to %s at %s", leaf.NotBefore, leaf.NotAfter, now)
		}
	})
}
