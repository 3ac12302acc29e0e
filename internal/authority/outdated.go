// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package authority

import (
	"math/big"

	corev1 "k8s.io/api/core/v1"
)

// outdated tells whether a later revision of the same object has been seen already: the watch is behind a GET, or etcd
// was restored from a backup. It is called with updating held.
func (a *Authority) outdated(secret *corev1.Secret) bool {
	return secret.UID == a.seen.uid && older(secret.ResourceVersion, a.seen.version)
}

// older compares two resource versions of the same object as KEP-5504 does: as decimal numbers of any length. One that
// is no number is neither older nor newer than another.
func older(version, than string) bool {
	a, aOK := new(big.Int).SetString(version, 10)
	b, bOK := new(big.Int).SetString(than, 10)
	return aOK && bOK && a.Cmp(b) < 0
}
