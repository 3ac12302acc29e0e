// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package authority

import (
	"context"
	"errors"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/klog/v2"

	"github.com/hookstrap/hookstrap/internal/trust"
)

// unwrittenError says that the Secret needs a change, and that it could not be written.
type unwrittenError struct {
	// sound is true when what the Secret holds can be used as it is.
	sound bool
	err   error
}

func (e *unwrittenError) Error() string { return e.err.Error() }
func (e *unwrittenError) Unwrap() error { return e.err }

// settle takes the Secret (nil: there is none) to what it should hold, by one write at most, and makes that current. It
// tells whether the current state has changed. It is called with the lock held. An error for which lostRace is true
// means that somebody else wrote: what they wrote is still to be read.
func (k *keeper) settle(ctx context.Context, secret *corev1.Secret) (bool, error) {
	var data, annotations = map[string][]byte(nil), map[string]string(nil)
	if secret != nil {
		data, annotations = secret.Data, secret.Annotations
	}
	if err := k.foreign(secret); err != nil {
		return false, fmt.Errorf("the Secret %s was not made here, and is left alone, for %w: remove what is in it, or name "+
			"another one", k.secret, err)
	}
	m, leaf := k.moment(annotations), k.policy.Load().maxDuration()
	wanted, step, err := correct(data, k.current.Load(), leaf, m)
	if err != nil {
		return false, fmt.Errorf("the Secret %s does not hold a usable CA, and is left alone: %w", k.secret, err)
	}
	sound := step == nil
	read := wanted
	if sound {
		if wanted, step, err = (rotation{read, m}).advance(); err != nil {
			return false, err
		}
	}
	if step == nil {
		return k.use(ctx, secret, read, m), nil
	}
	written, err := k.write(ctx, secret, wanted)
	switch {
	case lostRace(err):
		return false, err
	case err != nil && sound:
		return k.use(ctx, secret, read, m), &unwrittenError{sound: true, err: k.explainSecret(err)}
	case err != nil:
		// A CA that is missing in the Secret stays trusted by this process at least, if it had one before; and one that
		// is distrusted stays away.
		kept := (step.Name == StepKept || step.Name == StepDistrusted) && k.current.Load() != nil
		return false, &unwrittenError{sound: kept, err: k.explainSecret(err)}
	}
	k.taken(ctx, step)
	if step.Name == StepRetired {
		for _, ca := range read.bundle.Without(wanted.bundle).Certificates() {
			k.retired[fingerprint(ca)] = true
		}
	}
	return k.use(ctx, written, wanted, m), nil
}

// foreign tells a Secret of somebody else, with a key that no replica could restore or a CA that is not like ours,
// from a damaged one of ours. The error is why it cannot be used.
func (k *keeper) foreign(secret *corev1.Secret) error {
	if secret == nil || secret.Type == SecretType || len(secret.Data[dataVersion]) > 0 || len(secret.Data[dataKey]) == 0 {
		return nil
	}
	if _, err := parseCAKey(dataKey, secret.Data[dataKey]); err != nil {
		return err
	}
	if k.current.Load() != nil {
		return nil // This process has a CA to put there.
	}
	if cert, err := parseCACertificate(dataCert, secret.Data[dataCert]); err == nil && conforms(cert) != nil {
		return fmt.Errorf("%s is not like one that is made here: %w", dataCert, conforms(cert))
	}
	return nil
}

func (k *keeper) moment(annotations map[string]string) moment {
	now := k.options.Now()
	return moment{
		now: now, annotation: annotations[RotateAnnotation], distrust: annotations[DistrustAnnotation],
		trusted: k.trusted.Load(), unobserved: k.options.AwaitTrust == nil, serving: k.options.Serving(), retired: k.retired,
		notes: k.notes,
		newCA: func() (*keyPair, error) {
			return newCA(caName(k.options.Service, k.secret.Namespace, now), k.options.CADuration, now)
		},
	}
}

// errPaced says that the Secret is changed against us, over and over.
var errPaced = errors.New("somebody keeps undoing what is written there: look at its managed fields for who it is, " +
	"a GitOps controller perhaps, and take the Secret out of its care")

// write makes the Secret hold a state, and leaves what others keep there. The resourceVersion that was read goes along,
// so that of two who write at once one loses. It fails if this process has written too often: a fight must not become a
// hot loop.
func (k *keeper) write(ctx context.Context, secret *corev1.Secret, wanted *state) (*corev1.Secret, error) {
	if !k.pace.TryAccept() {
		return nil, errPaced
	}
	secrets := k.options.Client.CoreV1().Secrets(k.secret.Namespace)
	if secret == nil {
		return secrets.Create(ctx, &corev1.Secret{
			ObjectMeta: metav1.ObjectMeta{
				Namespace: k.secret.Namespace,
				Name:      k.secret.Name,
				Labels:    map[string]string{"app.kubernetes.io/managed-by": "hookstrap"},
			},
			Type: SecretType,
			Data: wanted.data,
		}, metav1.CreateOptions{})
	}
	secret = secret.DeepCopy()
	if secret.Data == nil {
		secret.Data = map[string][]byte{}
	}
	for _, key := range ourKeys() {
		delete(secret.Data, key)
		if value, set := wanted.data[key]; set {
			secret.Data[key] = value
		}
	}
	written, err := secrets.Update(ctx, secret, metav1.UpdateOptions{})
	if apierrors.IsNotFound(err) { // Deleted in between: a race like any other.
		return nil, apierrors.NewConflict(corev1.Resource("secrets"), k.secret.Name, err)
	}
	return written, err
}

// taken tells of a step that this process has written.
func (k *keeper) taken(ctx context.Context, step *Step) {
	logger := klog.FromContext(ctx).WithValues("secret", k.secret, "step", step.Name,
		"ca", trust.DescribeCertificate(step.CA), "message", step.Message)
	if step.Damage != nil {
		logger.Error(step.Damage, "The CA Secret was damaged; find out who wrote it")
	} else {
		logger.Info("CA step")
	}
	if k.options.OnStep != nil {
		k.options.OnStep(*step)
	}
}

// use makes a state current, and tells whether that changed anything.
func (k *keeper) use(ctx context.Context, secret *corev1.Secret, read *state, m moment) bool {
	k.warn(ctx, rotation{read, m}.warnings())
	k.notes.see(read.record, m.now)
	k.seen.uid, k.seen.version = secret.UID, secret.ResourceVersion
	if k.current.Load().equal(read) {
		return false
	}
	k.current.Store(read)
	klog.FromContext(ctx).Info("Using CA", "secret", k.secret, "signing", trust.DescribeCertificate(read.cert),
		"trusted", read.bundle.Len())
	return true
}
