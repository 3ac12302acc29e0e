// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package cluster

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// signingCA is the CA with which the controller-manager signs. It outlives any certificate a test may ask for, else
// the signer would cut the certificate's lifetime short.
type signingCA struct {
	cert     *x509.Certificate
	key      *ecdsa.PrivateKey
	certPEM  []byte
	certFile string
	keyFile  string
}

func newSigningCA(dir string) (*signingCA, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("generating the signing CA's key: %w", err)
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, fmt.Errorf("encoding the signing CA's key: %w", err)
	}
	now := time.Now()
	template := &x509.Certificate{
		Subject:               pkix.Name{CommonName: "hookstrap-test-signing-ca"},
		NotBefore:             now.Add(-time.Hour),
		NotAfter:              now.AddDate(10, 0, 0),
		KeyUsage:              x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature,
		BasicConstraintsValid: true,
		IsCA:                  true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return nil, fmt.Errorf("signing the signing CA: %w", err)
	}
	ca, err := writeSigningCA(dir, certificatePEM(der), privateKeyPEM(keyDER))
	if err != nil {
		return nil, err
	}
	ca.cert, ca.key = template, key
	return ca, nil
}

// issue makes a key and signs a certificate for it, both in PEM. The template lacks only what is the same for all.
func (ca *signingCA) issue(template *x509.Certificate) (cert, key []byte, err error) {
	leafKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, fmt.Errorf("generating a key: %w", err)
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(leafKey)
	if err != nil {
		return nil, nil, fmt.Errorf("encoding a key: %w", err)
	}
	template.NotBefore = time.Now().Add(-time.Hour)
	template.KeyUsage = x509.KeyUsageDigitalSignature
	der, err := x509.CreateCertificate(rand.Reader, template, ca.cert, leafKey.Public(), ca.key)
	if err != nil {
		return nil, nil, fmt.Errorf("signing: %w", err)
	}
	return certificatePEM(der), privateKeyPEM(keyDER), nil
}

func certificatePEM(der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
}

func privateKeyPEM(der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})
}

func writeSigningCA(dir string, cert, key []byte) (*signingCA, error) {
	ca := &signingCA{
		certPEM:  cert,
		certFile: filepath.Join(dir, "signing-ca.crt"),
		keyFile:  filepath.Join(dir, "signing-ca.key"),
	}
	for file, data := range map[string][]byte{ca.certFile: cert, ca.keyFile: key} {
		if err := os.WriteFile(file, data, 0o600); err != nil {
			return nil, fmt.Errorf("writing the signing CA: %w", err)
		}
	}
	return ca, nil
}
