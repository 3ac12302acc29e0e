// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package authority

import (
	"context"
	"crypto/x509"
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/util/retry"
)

// Member is a CA in the Secret.
type Member struct {
	// Certificate is that of the CA.
	Certificate *x509.Certificate
	// Signs is true for the CA that signs, Next for the successor that is being published.
	Signs, Next bool
	// Newest is true for the one that [AllButNewest] keeps.
	Newest bool
	// Made is true if a step of ours made it, as far as the Secret says.
	Made bool
	// Distrusted is true if it is about to leave.
	Distrusted bool
}

// Inspect returns the CAs in a Secret's data, the one that signs first, without its key. It fails if the data is
// damaged or written by another release.
func Inspect(data map[string][]byte) ([]Member, error) {
	read, err := parseState(data)
	if err != nil {
		return nil, err
	}
	others := read.allButNewest()
	var members []Member
	for _, ca := range read.bundle.Certificates() {
		m := Member{
			Certificate: ca, Signs: ca.Equal(read.cert), Next: read.next != nil && ca.Equal(read.next.cert),
			Newest: !slices.Contains(others, fingerprint(ca)), Made: read.record.made(ca), Distrusted: read.record.distrusts(ca),
		}
		if m.Signs {
			members = slices.Insert(members, 0, m)
			continue
		}
		members = append(members, m)
	}
	return members, nil
}

// AskForDistrust reads the CA Secret, has choose name the fingerprints of the CAs that must go, and sets
// [DistrustAnnotation] to them; if it names none, nothing is written. It takes the rights to get and to update the
// Secret, which the webhook's ServiceAccount has.
func AskForDistrust(
	ctx context.Context, client kubernetes.Interface, secret types.NamespacedName,
	choose func([]Member) ([]string, error),
) error {
	secrets := client.CoreV1().Secrets(secret.Namespace)
	err := retry.RetryOnConflict(retry.DefaultRetry, func() error {
		live, err := secrets.Get(ctx, secret.Name, metav1.GetOptions{})
		if err != nil {
			return err
		}
		fingerprints, err := chosen(live, choose)
		if err != nil || len(fingerprints) == 0 {
			return err
		}
		if live.Annotations == nil {
			live.Annotations = map[string]string{}
		}
		live.Annotations[DistrustAnnotation] = strings.Join(fingerprints, ",")
		_, err = secrets.Update(ctx, live, metav1.UpdateOptions{})
		return err
	})
	if err != nil {
		return fmt.Errorf("reading or changing which CAs of the Secret %s are trusted: %w", secret, err)
	}
	return nil
}

func chosen(live *corev1.Secret, choose func([]Member) ([]string, error)) ([]string, error) {
	members, err := Inspect(live.Data)
	if err != nil {
		return nil, fmt.Errorf("it cannot be read: wait for a replica to repair it, or start one: %w", err)
	}
	return choose(members)
}
