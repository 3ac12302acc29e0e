// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package collect

import (
	"cmp"
	"encoding/json"
	"fmt"
	"time"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	kjson "sigs.k8s.io/json"

	"github.com/hookstrap/hookstrap/internal/jsonerror"
	"github.com/hookstrap/hookstrap/pkg/doctor"
)

// Manifest is an object that is not in a cluster yet.
type Manifest struct {
	Kind schema.GroupVersionKind
	JSON []byte
	// At is where it is, for errors, such as webhook.yaml:3.
	At string
}

// Manifests gathers the facts of objects that are not in a cluster yet, such as those of a rendered chart. What names
// no namespace is in the one that is given, or in default. Kinds that have nothing to do with webhooks are left out.
// The objects that cannot be read are in Unread; the other facts are those of the others.
func Manifests(objects []Manifest, namespace string, now time.Time) *doctor.Facts {
	r := &reading{facts: &doctor.Facts{Now: now, Offline: true}, namespace: cmp.Or(namespace, metav1.NamespaceDefault)}
	for i := range objects {
		if err := r.read(&objects[i]); err != nil {
			r.facts.Unread = append(r.facts.Unread, doctor.Unread{Resource: "manifests", Reason: fmt.Sprintf("%s: %s: %s",
				objects[i].At, objects[i].Kind.Kind, err)})
		}
	}
	r.facts.Entries = r.facts.All
	return r.facts
}

// reading is one call of Manifests.
type reading struct {
	facts     *doctor.Facts
	namespace string
}

// read adds what one object says.
func (r *reading) read(m *Manifest) error {
	f := r.facts
	switch (schema.GroupKind{Group: m.Kind.Group, Kind: m.Kind.Kind}) {
	case schema.GroupKind{Group: "admissionregistration.k8s.io", Kind: doctor.KindValidating}:
		return with(m, func(c *admissionregistrationv1.ValidatingWebhookConfiguration) {
			f.All = append(f.All, doctor.FromValidating(c)...)
			r.emptyBundles(m.JSON, len(c.Webhooks))
		})
	case schema.GroupKind{Group: "admissionregistration.k8s.io", Kind: doctor.KindMutating}:
		return with(m, func(c *admissionregistrationv1.MutatingWebhookConfiguration) {
			f.All = append(f.All, doctor.FromMutating(c)...)
			r.emptyBundles(m.JSON, len(c.Webhooks))
		})
	case schema.GroupKind{Group: "apiextensions.k8s.io", Kind: doctor.KindCRD}:
		return with(m, func(c *crd) { f.All = append(f.All, c.entry()...) })
	case schema.GroupKind{Group: "apiregistration.k8s.io", Kind: doctor.KindAPIService}:
		return with(m, func(a *apiService) { f.All = append(f.All, a.entry()...) })
	case schema.GroupKind{Kind: "Service"}:
		return with(m, func(s *corev1.Service) { f.Services = append(f.Services, s); r.place(&s.ObjectMeta) })
	case schema.GroupKind{Kind: "Namespace"}:
		return with(m, func(n *corev1.Namespace) { f.Namespaces = append(f.Namespaces, n) })
	case schema.GroupKind{Group: "apps", Kind: "Deployment"}:
		return with(m, func(d *appsv1.Deployment) { f.Deployments = append(f.Deployments, d); r.place(&d.ObjectMeta) })
	case schema.GroupKind{Group: "apps", Kind: "DaemonSet"}:
		return with(m, func(d *appsv1.DaemonSet) { f.DaemonSets = append(f.DaemonSets, d); r.place(&d.ObjectMeta) })
	case schema.GroupKind{Group: "apps", Kind: "StatefulSet"}:
		return with(m, func(s *appsv1.StatefulSet) {
			f.StatefulSets = append(f.StatefulSets, s)
			r.place(&s.ObjectMeta)
		})
	case schema.GroupKind{Kind: "Pod"}:
		return with(m, func(p *corev1.Pod) { f.Pods = append(f.Pods, p); r.place(&p.ObjectMeta) })
	}
	return nil
}

// emptyBundles notes which of the last n entries have the key caBundle without a value, which typed objects do not
// tell.
func (r *reading) emptyBundles(data []byte, n int) {
	var configuration struct {
		Webhooks []struct {
			ClientConfig map[string]json.RawMessage `json:"clientConfig"`
		} `json:"webhooks"`
	}
	if json.Unmarshal(data, &configuration) != nil {
		return // It was read once already.
	}
	entries := r.facts.All[len(r.facts.All)-n:]
	for i := range min(n, len(configuration.Webhooks)) {
		value, ok := configuration.Webhooks[i].ClientConfig["caBundle"]
		entries[i].EmptyBundle = ok && (string(value) == "null" || string(value) == `""`)
	}
}

func (r *reading) place(m *metav1.ObjectMeta) { m.Namespace = cmp.Or(m.Namespace, r.namespace) }

// with decodes an object of version v1, which all that are read here have, and no others that are still served. It
// passes it on.
func with[T any](m *Manifest, add func(*T)) error {
	if m.Kind.Version != "v1" {
		return fmt.Errorf("no supported version of Kubernetes serves %s: write it as %s", m.Kind.GroupVersion(),
			schema.GroupVersion{Group: m.Kind.Group, Version: "v1"})
	}
	object := new(T)
	if err := kjson.UnmarshalCaseSensitivePreserveInts(m.JSON, object); err != nil {
		return fmt.Errorf("%s: correct it", jsonerror.Sentence(err))
	}
	add(object)
	return nil
}
