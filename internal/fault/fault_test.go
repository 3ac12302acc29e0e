// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package fault_test

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"os"
	"syscall"
	"testing"
	"time"

	"github.com/hookstrap/hookstrap/internal/fault"
)

func TestOf(t *testing.T) {
	t.Parallel()
	now := time.Now()
	cert := &x509.Certificate{NotBefore: now.Add(-time.Hour)}
	for want, err := range map[string]error{
		"":                  errors.New("another one"),
		fault.WrongName:     x509.HostnameError{Certificate: cert},
		fault.Untrusted:     x509.UnknownAuthorityError{},
		fault.Expired:       x509.CertificateInvalidError{Reason: x509.Expired, Cert: cert},
		fault.NotYetValid:   x509.CertificateInvalidError{Reason: x509.Expired, Cert: &x509.Certificate{NotBefore: now.Add(time.Hour)}},
		fault.Usage:         x509.CertificateInvalidError{Reason: x509.IncompatibleUsage, Cert: cert},
		fault.NotTLS:        tls.RecordHeaderError{},
		fault.Protocol:      &net.OpError{Op: "remote error", Err: errors.New("tls: no application protocol")},
		fault.Refused:       &net.OpError{Op: "dial", Err: os.NewSyscallError("connect", syscall.ECONNREFUSED)},
		fault.BundleMissing: &fault.Error{ID: fault.BundleMissing, Err: x509.UnknownAuthorityError{}},
	} {
		if got := fault.Of(fmt.Errorf("doing this: %w", err), now); got != want {
			t.Errorf("%v: %q, want %q", err, got, want)
		}
	}
	if got := fault.Of(nil, now); got != "" {
		t.Errorf("no error is %q", got)
	}
}
