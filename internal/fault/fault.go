// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

// Package fault has the identifiers of why an API server cannot call a server, which the readiness of a server and
// webhook doctor share: docs/doctor.md has a section for each.
package fault

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"syscall"
	"time"
)

// The identifiers.
const (
	ServiceMissing  = "service-missing"
	ServiceHeadless = "service-headless"
	ServicePort     = "service-port-missing"
	BundleMissing   = "ca-bundle-missing"
	BundleUnusable  = "ca-bundle-unusable"
	Refused         = "connection-refused"
	NotTLS          = "server-speaks-no-tls"
	Protocol        = "no-http-1-1"
	Untrusted       = "certificate-untrusted"
	WrongName       = "certificate-wrong-name"
	Expired         = "certificate-expired"
	NotYetValid     = "certificate-not-yet-valid"
	Usage           = "certificate-wrong-usage"
	OlderThanStored = "certificate-older-than-stored"
)

// Error is an error of which the fault is known. Its text is that of the error alone.
type Error struct {
	ID  string
	Err error
}

// Error is the text of the error.
func (e *Error) Error() string { return e.Err.Error() }

// Unwrap returns the error.
func (e *Error) Unwrap() error { return e.Err }

// Tag is an identifier as it is written behind a sentence.
func Tag(id string) string { return " [" + id + "]" }

// Of returns the identifier of the fault that an error tells of: that of an [Error] in it, or what crypto/x509,
// crypto/tls and the network say of a handshake. It is empty for other errors. Now is the time of the verification.
func Of(err error, now time.Time) string {
	var known *Error
	var invalid x509.CertificateInvalidError
	var alert *net.OpError
	switch {
	case errors.As(err, &known):
		return known.ID
	case errors.As(err, new(x509.HostnameError)):
		return WrongName
	case errors.As(err, new(x509.UnknownAuthorityError)):
		return Untrusted
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired && now.Before(invalid.Cert.NotBefore):
		return NotYetValid
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return Expired
	case errors.As(err, &invalid) && invalid.Reason == x509.IncompatibleUsage:
		return Usage
	case errors.As(err, new(tls.RecordHeaderError)):
		return NotTLS
	case errors.As(err, &alert) && alert.Err.Error() == noApplicationProtocol:
		return Protocol
	case errors.Is(err, syscall.ECONNREFUSED):
		return Refused
	}
	return ""
}

// noApplicationProtocol is what crypto/tls makes of the alert of RFC 7301, section 3.2, whose type it does not export.
const noApplicationProtocol = "tls: no application protocol"
