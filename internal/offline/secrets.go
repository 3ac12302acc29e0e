// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package offline

import (
	"cmp"
	"encoding/json"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	kjson "sigs.k8s.io/json"
)

// secret is the Secret that a controller makes of an object, without what is in it: checks find it by its name.
func (o object) secret() (object, bool) {
	var maker struct {
		Spec struct {
			SecretName string `json:"secretName"`
			Target     struct {
				Name string `json:"name"`
			} `json:"target"`
		} `json:"spec"`
	}
	name := ""
	switch o.kind.GroupKind().String() {
	case "Certificate.cert-manager.io":
		if kjson.UnmarshalCaseSensitivePreserveInts(o.raw, &maker) == nil {
			name = maker.Spec.SecretName
		}
	case "ExternalSecret.external-secrets.io":
		if kjson.UnmarshalCaseSensitivePreserveInts(o.raw, &maker) == nil {
			name = cmp.Or(maker.Spec.Target.Name, o.name)
		}
	case "SealedSecret.bitnami.com":
		name = o.name
	}
	if name == "" {
		return object{}, false
	}
	kind := corev1.SchemeGroupVersion.WithKind("Secret")
	raw, err := json.Marshal(&corev1.Secret{
		TypeMeta:   metav1.TypeMeta{APIVersion: kind.GroupVersion().String(), Kind: kind.Kind},
		ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: o.namespace},
	})
	return object{file: o.file, line: o.line, kind: kind, name: name, namespace: o.namespace, raw: raw}, err == nil
}
