// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package readiness

import (
	"crypto/tls"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/hookstrap/hookstrap/internal/serving"
	"github.com/hookstrap/hookstrap/test/pairs"
)

// TestAnOldCertificateOfTheOtherContainer: what is wrong with a certificate that should not be presented any more is
// none of the advice.
func TestAnOldCertificateOfTheOtherContainer(t *testing.T) {
	now := time.Now()
	expired := pairs.Lasting(t, now.Add(-2*time.Hour), now.Add(-time.Hour), []string{selfName})
	fresh := pairs.Lasting(t, now.Add(-time.Hour), now.Add(time.Hour), []string{selfName})
	stored := pairs.WithCAs(t, fresh, expired.Leaf(), fresh.Leaf())
	for name, tc := range map[string]struct {
		presented    *serving.Pair
		sidecar      bool
		says, silent string
	}{
		"the other container never loads": {expired, true, "the other container has not loaded", "compare the clocks"},
		"it has loaded":                   {stored, true, "", ""},
		"our own listener":                {expired, false, "compare the clocks", "the other container"},
	} {
		t.Run(name, func(t *testing.T) {
			l, err := net.Listen("tcp", "127.0.0.1:0")
			check(t, err)
			serve(t, l, &tls.Config{Certificates: []tls.Certificate{*tc.presented.Certificate()}})
			b := newTested(t, Options{Sidecar: tc.sidecar, CertDir: "/certs"})
			b.address = l.Addr().String()
			b.state.Set(stored)
			err = b.own.handshake(t.Context())
			switch {
			case tc.says == "" && err != nil:
				t.Errorf("the handshake failed: %v", err)
			case tc.says != "" && (err == nil || !strings.Contains(err.Error(), tc.says)):
				t.Errorf("the handshake says %v, want %q", err, tc.says)
			case tc.says != "" && strings.Contains(err.Error(), tc.silent):
				t.Errorf("the handshake says %v, which is no advice", err)
			}
		})
	}
}
