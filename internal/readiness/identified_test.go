// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package readiness

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"testing"

	"github.com/hookstrap/hookstrap/internal/fault"
	"github.com/hookstrap/hookstrap/internal/lifecycle"
)

// A condition that fails says the identifier that webhook doctor has for it, if there is one.
func TestIdentified(t *testing.T) {
	t.Parallel()
	other := errors.New("another reason")
	for want, err := range map[string]error{
		"trust: x509: certificate signed by unknown authority [certificate-untrusted]": fmt.Errorf("trust: %w", x509.UnknownAuthorityError{}),
		"none [ca-bundle-missing]": &fault.Error{ID: fault.BundleMissing, Err: errors.New("none")},
		"another reason":           other,
	} {
		c := identified(lifecycle.Condition{Check: func(context.Context) error { return err }})
		got := c.Check(t.Context())
		if got.Error() != want || !errors.Is(got, errors.Unwrap(err)) && !errors.Is(got, err) {
			t.Errorf("%q, want %q", got, want)
		}
	}
	if err := identified(lifecycle.Condition{Check: func(context.Context) error { return nil }}).Check(t.Context()); err != nil {
		t.Errorf("a condition that holds says %v", err)
	}
}
