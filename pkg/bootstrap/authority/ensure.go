// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package authority

import (
	"context"
	"fmt"
	"maps"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/klog/v2"

	"github.com/hookstrap/hookstrap/pkg/bootstrap/trust"
)

// SecretType is the type of the Secret when this package creates it. A Secret of any other type serves as well.
const SecretType corev1.SecretType = "hookstrap.dev/certificate-authority" //nolint:gosec // G101: a type, not a secret.

// maxEnsureAttempts bounds the races that one Ensure loses. Who loses one reads the winner's CA next, so a second
// loss already means that somebody deletes and creates the Secret at the same time.
const maxEnsureAttempts = 5

// Ensure makes sure that there is a CA, and reads it. It costs one GET when the Secret is there, one CREATE more when
// it is not, and one UPDATE more when somebody has created it without data for us to fill. However many replicas do
// this at once, one CA comes out. It may be called again at any time.
//
// A Secret that holds something else is left alone: the error says what is wrong with it, and the CA that was read
// before, if any, stays in use.
func (a *Authority) Ensure(ctx context.Context) error {
	changed, err := a.ensure(ctx)
	if changed {
		a.onChange()
	}
	return err
}

// ensure tells whether the CA in use has changed.
func (a *Authority) ensure(ctx context.Context) (bool, error) {
	a.updating.Lock()
	defer a.updating.Unlock()
	for range maxEnsureAttempts {
		secret, err := a.readOrCreate(ctx)
		if apierrors.IsAlreadyExists(err) || apierrors.IsConflict(err) {
			klog.FromContext(ctx).V(2).Info("Another replica wrote the CA first, reading it", "secret", a.secret)
			continue
		}
		if err != nil {
			return false, a.explainSecret(err)
		}
		return a.adopt(ctx, secret.Data)
	}
	return false, fmt.Errorf("the CA Secret %s was changed by somebody else %d times in a row: look for a controller "+
		"that keeps deleting or writing it", a.secret, maxEnsureAttempts)
}

// readOrCreate returns the Secret with a CA in it, or AlreadyExists or Conflict when somebody else was faster.
func (a *Authority) readOrCreate(ctx context.Context) (*corev1.Secret, error) {
	secrets := a.client.CoreV1().Secrets(a.secret.Namespace)
	secret, err := secrets.Get(ctx, a.secret.Name, metav1.GetOptions{})
	switch {
	case apierrors.IsNotFound(err):
		data, err := a.initialData()
		if err != nil {
			return nil, err
		}
		return secrets.Create(ctx, a.newSecret(data), metav1.CreateOptions{})
	case err != nil || !emptyState(secret.Data):
		return secret, err
	}
	data, err := a.initialData()
	if err != nil {
		return nil, err
	}
	if secret.Data == nil {
		secret.Data = map[string][]byte{}
	}
	maps.Copy(secret.Data, data)
	// The resourceVersion that was read goes along, so that two who fill the Secret cannot both succeed.
	return secrets.Update(ctx, secret, metav1.UpdateOptions{})
}

// initialData is what goes into a Secret that has nothing: the CA of this process if it has one, because certificates
// that it signed are in use, or else a new one.
func (a *Authority) initialData() (map[string][]byte, error) {
	now := a.now()
	if current := a.current.Load(); current != nil && current.usable(now) {
		return current.data, nil
	}
	ca, err := newCA(caName(a.service, a.secret.Namespace, now), a.caDuration, now)
	if err != nil {
		return nil, err
	}
	made, err := newState(ca)
	if err != nil {
		return nil, err
	}
	return made.data, nil
}

func (a *Authority) newSecret(data map[string][]byte) *corev1.Secret {
	return &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: a.secret.Namespace,
			Name:      a.secret.Name,
			Labels:    map[string]string{"app.kubernetes.io/managed-by": "hookstrap"},
		},
		Type: SecretType,
		Data: data,
	}
}

// adopt makes the Secret's data current, and tells whether that changed anything. It is called with updating held.
func (a *Authority) adopt(ctx context.Context, data map[string][]byte) (bool, error) {
	read, err := parseState(data)
	if err != nil {
		return false, fmt.Errorf("the Secret %s does not hold a usable CA: %w: restore it from a backup; or delete it, "+
			"and a running replica puts its own copy back, or the next one to start makes a new CA", a.secret, err)
	}
	if a.current.Load().equal(read) {
		return false, nil
	}
	a.current.Store(read)
	klog.FromContext(ctx).Info("Using CA", "secret", a.secret, "signing", trust.DescribeCertificate(read.cert),
		"trusted", read.bundle.Len())
	return true, nil
}

func (a *Authority) explainSecret(err error) error {
	switch {
	case apierrors.IsForbidden(err):
		return fmt.Errorf("the CA Secret %s cannot be read or written, an RBAC rule is missing: grant get, list, watch and "+
			"update on secrets with resourceNames [%s], and create on secrets: %w", a.secret, a.secret.Name, err)
	case apierrors.IsInvalid(err):
		return fmt.Errorf("the CA Secret %s does not take our data: delete it if it was made as immutable or with a "+
			"type of its own: %w", a.secret, err)
	case apierrors.IsNotFound(err):
		return fmt.Errorf("the CA Secret %s cannot be created: create the namespace: %w", a.secret, err)
	default:
		return fmt.Errorf("reading or creating the CA Secret %s: %w", a.secret, err)
	}
}
