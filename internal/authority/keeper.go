// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package authority

import (
	"crypto/x509"
	"math/big"
	"sync"
	"sync/atomic"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/util/flowcontrol"
)

// How often one process writes the CA's Secret: far more often than any life of a CA needs, and far less often than a
// fight with another writer could make it.
const (
	writesPerSecond = 0.5
	writesAtOnce    = 20
)

// keeper keeps the CA in its Secret. What other goroutines use of it are the options, the policy, current and trusted;
// the rest is for who holds its lock.
type keeper struct {
	Options // complete

	secret types.NamespacedName
	policy atomic.Pointer[Policy]
	// current is nil until there is a CA.
	current atomic.Pointer[state]
	// trusted is the successor that every client was seen to trust.
	trusted atomic.Pointer[x509.Certificate]

	// The lock is held from reading the Secret until its contents are current, so that an older reading does not follow a
	// newer.
	sync.Mutex
	// retired are the CAs that this process has taken out of the bundle, and pace bounds how often it writes.
	retired map[string]bool
	pace    flowcontrol.PassiveRateLimiter
	// warned are the subjects of what was warned of and goes on, by name.
	warned map[string]string
	// seen is the revision of the Secret that current comes from.
	seen struct {
		uid     types.UID
		version string
	}
}

func newKeeper(options Options) *keeper {
	return &keeper{
		Options: options, secret: types.NamespacedName{Namespace: options.Namespace, Name: options.SecretName},
		retired: map[string]bool{}, warned: map[string]string{},
		pace: flowcontrol.NewTokenBucketPassiveRateLimiter(writesPerSecond, writesAtOnce),
	}
}

// outdated tells whether a later revision of the same object has been seen already: the watch is behind a GET, or etcd
// was restored from a backup. It is called with the lock held.
func (k *keeper) outdated(secret *corev1.Secret) bool {
	return secret.UID == k.seen.uid && older(secret.ResourceVersion, k.seen.version)
}

// older compares two resource versions of the same object as KEP-5504 does: as decimal numbers of any length. One that
// is no number is neither older nor newer than another.
func older(version, than string) bool {
	a, aOK := new(big.Int).SetString(version, 10)
	b, bOK := new(big.Int).SetString(than, 10)
	return aOK && bOK && a.Cmp(b) < 0
}
