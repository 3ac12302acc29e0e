// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package authority

import (
	"context"
	"errors"
	"fmt"
	"math/big"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/klog/v2"

	"github.com/hookstrap/hookstrap/internal/refusal"
)

// SecretType is the type of the Secret when this package creates it. A Secret of any other type serves as well.
const SecretType corev1.SecretType = "hookstrap.dev/certificate-authority" //nolint:gosec // G101: a type, not a secret.

// maxEnsureAttempts bounds the races that one Ensure loses. Who loses one reads the winner's CA next, so a second
// loss already means that somebody deletes and creates the Secret at the same time.
const maxEnsureAttempts = 5

// fetchTimeout bounds one look at the API server: others wait for its end.
const fetchTimeout = 30 * time.Second

// Ensure makes sure that there is a CA, and reads it. It costs one GET when the Secret is as it should be, and one
// CREATE or UPDATE more when it is not: absent, empty, damaged, without a CA whose certificates are in use, or with a
// step of its rotation due. However many replicas do this at once, one CA comes out. It may be called again at any
// time.
//
// A Secret that another release wrote is left alone. After an error the CA that was read before, if any, stays in use.
func (a *Authority) Ensure(ctx context.Context) error {
	a.mu.Lock()
	changed, err := a.fetch(ctx)
	a.mu.Unlock()
	if changed {
		a.options.OnChange()
	}
	if unwritten := (*unwrittenError)(nil); errors.As(err, &unwritten) && unwritten.sound {
		klog.FromContext(ctx).Error(err, "The CA is good, but its Secret needs a change that cannot be written")
		return nil
	}
	return err
}

// fetch reads the Secret and settles it, and tells whether the CA in use has changed. It is called with the lock held.
func (k *keeper) fetch(ctx context.Context) (bool, error) {
	ctx, cancel := context.WithTimeout(ctx, fetchTimeout)
	defer cancel()
	for range maxEnsureAttempts {
		secret, err := k.options.Client.CoreV1().Secrets(k.secret.Namespace).Get(ctx, k.secret.Name, metav1.GetOptions{})
		if apierrors.IsNotFound(err) {
			secret, err = nil, nil
		}
		if err != nil {
			return false, k.explainSecret(err)
		}
		changed, err := k.settle(ctx, secret)
		if lostRace(err) {
			klog.FromContext(ctx).V(2).Info("Another replica wrote the CA first, reading it", "secret", k.secret)
			continue
		}
		return changed, err
	}
	return false, fmt.Errorf("the CA Secret %s was changed by somebody else %d times in a row: look for a controller "+
		"that keeps deleting or writing it", k.secret, maxEnsureAttempts)
}

func lostRace(err error) bool { return refusal.Conflict(err) }

func (k *keeper) explainSecret(err error) error {
	what := fmt.Sprintf("reading or writing the CA Secret %s", k.secret)
	grant := fmt.Sprintf("grant get, list, watch and update on secrets with resourceNames [%s], and create on secrets",
		k.secret.Name)
	fallback := ""
	if refusal.Of(err).Kind == refusal.Invalid {
		fallback = "it does not take our data: delete it if it was made as immutable or with a type of its own"
	}
	return refusal.Explain(what, err, grant, fallback)
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
