// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package bootstrap

import (
	"crypto"
	"crypto/tls"
	"crypto/x509"
	"net"
	"strings"
	"testing"
	"time"

	"k8s.io/client-go/rest"

	"github.com/hookstrap/hookstrap/internal/serving"
)

// withCAs is the pair of first, with CAs that came along.
func withCAs(t *testing.T, first *serving.Pair, cas ...*x509.Certificate) *serving.Pair {
	t.Helper()
	key, _ := first.Certificate().PrivateKey.(crypto.Signer)
	pair, err := serving.NewPair(first.Chain(), key, cas)
	check(t, err)
	return pair
}

// TestAnOldCertificateOfTheOtherContainer: what is wrong with a certificate that should not be presented any more is
// none of the advice.
func TestAnOldCertificateOfTheOtherContainer(t *testing.T) {
	now := time.Now()
	expired := storedPair(t, now.Add(-2*time.Hour), now.Add(-time.Hour), []string{selfName})
	fresh := storedPair(t, now.Add(-time.Hour), now.Add(time.Hour), []string{selfName})
	stored := withCAs(t, fresh, expired.Leaf(), fresh.Leaf())
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
			options := Options{RESTConfig: &rest.Config{Host: "https://127.0.0.1:1"}, SelfAddress: l.Addr().String(),
				Environment: Environment{Service: "web", Namespace: "shop", ServiceAccount: "web"}, ExternalTrust: true}
			if tc.sidecar {
				options.Sidecar, options.CertDir = true, t.TempDir()
			}
			b, err := New(options)
			check(t, err)
			b.state.Set(stored)
			err = b.handshake(t.Context())
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
