// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package trust

import (
	"fmt"
	"strings"
)

// UnverifiedError says that every place where the CA of a signer could be was read, and none has a CA that verifies the
// certificate.
type UnverifiedError struct {
	Signer string
	Tried  []string
}

// Error lists what was tried.
func (e *UnverifiedError) Error() string {
	return fmt.Sprintf("no CA verifies the certificate of signer %q, so nothing was written; tried: %s; name the right "+
		"one with --ca-file", e.Signer, strings.Join(e.Tried, "; "))
}
