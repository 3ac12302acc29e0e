// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package identity_test

import (
	"fmt"
	"testing"

	"github.com/hookstrap/hookstrap/internal/identity"
)

func TestForHosts(t *testing.T) {
	id, err := identity.ForHosts([]string{"Web.example.com.", "10.0.0.7", "web", "web", "::ffff:10.0.0.7", "fd00::1"})
	if err != nil {
		t.Fatal(err)
	}
	if got, want := fmt.Sprint(id.DNSNames, id.IPs), "[web web.example.com] [10.0.0.7 fd00::1]"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if _, err := identity.ForHosts(nil); err != nil {
		t.Errorf("a client needs no host: %v", err)
	}
	for _, bad := range []string{"", "*.example.com", "https://web", "10.0.0.256", "web:443", "0.0.0.0"} {
		if _, err := identity.ForHosts([]string{bad}); err == nil {
			t.Errorf("%q was taken", bad)
		}
	}
}
