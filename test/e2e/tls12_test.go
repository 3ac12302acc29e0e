// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"crypto/tls"
	"strings"
	"testing"

	"github.com/hookstrap/hookstrap/test/e2e/site"
)

// TestCallerThatSpeaksTLS12AtMost: such a caller is told what is wrong, and is answered once the server is told to accept
// it, as is the API server.
func TestCallerThatSpeaksTLS12AtMost(t *testing.T) {
	t.Parallel()
	s := site.New(t, shared, site.Options{})
	options := s.BootstrapOptions(t)
	server := s.Start(t, options)
	server.AwaitReady(t)
	err := call(t.Context(), s, tls.VersionTLS12, nil)
	if err == nil || !strings.Contains(err.Error(), "protocol version not supported") {
		t.Errorf("a call by TLS 1.2: %v, want it refused for that", err)
	}
	server.Stop()

	options.TLS.MinVersion = tls.VersionTLS12
	s.Start(t, options).AwaitReady(t)
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		if err := call(t.Context(), s, version, nil); err != nil {
			t.Errorf("a call by %s: %v", tls.VersionName(version), err)
		}
	}
	wantAdmission(t, s)
}
