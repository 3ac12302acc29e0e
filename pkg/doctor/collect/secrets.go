// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package collect

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/hookstrap/hookstrap/pkg/doctor"
)

// secrets reads the Secrets from which cert-manager fills the caBundles that are judged, by the annotations of their
// objects (https://cert-manager.io/docs/concepts/ca-injector/). Of each only the certificates are kept. A Secret that
// may not be read, or is not there, is no fault of its own: the handshake says what is wrong.
func (g *gathering) secrets(ctx context.Context) {
	for i := range g.facts.Entries {
		e := &g.facts.Entries[i]
		if _, known := g.facts.Stored[e.Object]; known || e.Meta == nil {
			continue
		}
		secret, err := g.source(ctx, e.Meta.Annotations)
		if err != nil || secret == "" {
			g.stored(e.Object, err)
			continue
		}
		namespace, name, _ := strings.Cut(secret, "/")
		found, err := g.client.CoreV1().Secrets(namespace).Get(ctx, name, metav1.GetOptions{})
		if err != nil {
			g.stored(e.Object, err)
			continue
		}
		g.facts.Stored[e.Object] = doctor.StoredCA{Secret: secret, CA: found.Data["ca.crt"], Leaf: found.Data["tls.crt"]}
	}
}

// source is the Secret that the annotations name, as NAMESPACE/NAME; "" for none.
func (g *gathering) source(ctx context.Context, annotations map[string]string) (string, error) {
	if secret := annotations["cert-manager.io/inject-ca-from-secret"]; secret != "" {
		return secret, nil
	}
	namespace, name, ok := strings.Cut(annotations["cert-manager.io/inject-ca-from"], "/")
	if !ok {
		return "", nil
	}
	body, err := g.get(ctx, fmt.Sprintf("/apis/cert-manager.io/v1/namespaces/%s/certificates/%s", namespace, name), nil)
	if err != nil {
		return "", err
	}
	var certificate struct {
		Spec struct {
			SecretName string `json:"secretName"`
		} `json:"spec"`
	}
	if err := json.Unmarshal(body, &certificate); err != nil || certificate.Spec.SecretName == "" {
		return "", err
	}
	return namespace + "/" + certificate.Spec.SecretName, nil
}

// stored notes that there is nothing to compare with, and why if that is for want of a right.
func (g *gathering) stored(object doctor.Object, err error) {
	g.facts.Stored[object] = doctor.StoredCA{}
	if apierrors.IsForbidden(err) {
		g.facts.Unread = append(g.facts.Unread, doctor.Unread{Resource: "secrets", Reason: fmt.Sprintf(
			"the Secret from which the caBundle of %s is filled may not be read, so that it is not compared: %v", object, err)})
	}
}
