// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package site

import (
	"context"
	"crypto/tls"
	"crypto/x509"
)

// Presented is the certificate that a TLS server at an address shows, whatever it is worth.
func Presented(ctx context.Context, address string) (*x509.Certificate, error) {
	dialer := &tls.Dialer{Config: &tls.Config{InsecureSkipVerify: true}} // #nosec G402 -- only looked at.
	conn, err := dialer.DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	defer func() { _ = conn.Close() }()
	return conn.(*tls.Conn).ConnectionState().PeerCertificates[0], nil
}
