// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package check

import (
	"cmp"
	"context"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/hookstrap/hookstrap/internal/view"
	"github.com/hookstrap/hookstrap/pkg/handler"
)

// names are those of all objects of a kind of the core group, of which nothing but the metadata is read.
func names(kind string) *view.View[struct{}] {
	obj, list := &metav1.PartialObjectMetadata{}, &metav1.PartialObjectMetadataList{}
	obj.SetGroupVersionKind(corev1.SchemeGroupVersion.WithKind(kind))
	list.SetGroupVersionKind(corev1.SchemeGroupVersion.WithKind(kind + "List"))
	return view.New("names", obj, list, func(o *metav1.PartialObjectMetadata) (view.Kept[struct{}], bool) {
		return view.Kept[struct{}]{Keys: []view.Key{{Text: everyName}, {Text: o.Name}}}, true
	})
}

// everyName is the key of all.
const everyName = ""

// claimTemplates are what the names of the claims of StatefulSets begin with.
func claimTemplates() *view.View[struct{}] {
	return view.New("claims", &appsv1.StatefulSet{}, &appsv1.StatefulSetList{},
		func(o *appsv1.StatefulSet) (view.Kept[struct{}], bool) {
			var kept view.Kept[struct{}]
			for i := range o.Spec.VolumeClaimTemplates {
				kept.Keys = append(kept.Keys, view.Key{Text: o.Spec.VolumeClaimTemplates[i].Name + "-" + o.Name})
			}
			return kept, len(kept.Keys) > 0
		})
}

// named is a name that a Pod mentions.
type namedReference struct {
	kind, name string
	path       *field.Path
}

// referencesOf lists what a Pod cannot start without, each once. Nothing is optional among them.
func referencesOf(ctx context.Context, pod PodTemplate) []namedReference {
	var all []namedReference
	seen := sets.New[namedReference]()
	add := func(kind, name string, optional *bool, path func() *field.Path) {
		if id := (namedReference{kind: kind, name: name}); name != "" && !isTrue(optional) && !seen.Has(id) {
			seen.Insert(id)
			id.path = path()
			all = append(all, id)
		}
	}
	account := cmp.Or(pod.Spec.ServiceAccountName, pod.Spec.DeprecatedServiceAccount)
	add(toAccounts, account, nil, func() *field.Path { return pod.Path.Child("serviceAccountName") })
	for i, volume := range heeded(ctx, pod.Spec.Volumes) {
		addVolume(volume.VolumeSource, func() *field.Path { return pod.Path.Child("volumes").Index(i) }, add)
	}
	for _, c := range heeded(ctx, containersOf(pod)) {
		for i, from := range heeded(ctx, c.EnvFrom) {
			at := func() *field.Path { return c.path().Child("envFrom").Index(i) }
			if r := from.ConfigMapRef; r != nil {
				add(toConfigMaps, r.Name, r.Optional, at)
			}
			if r := from.SecretRef; r != nil {
				add(toSecrets, r.Name, r.Optional, at)
			}
		}
		for i, variable := range heeded(ctx, c.Env) {
			at := func() *field.Path { return c.path().Child("env").Index(i).Child("valueFrom") }
			if from := variable.ValueFrom; from != nil && from.ConfigMapKeyRef != nil {
				add(toConfigMaps, from.ConfigMapKeyRef.Name, from.ConfigMapKeyRef.Optional, at)
			}
			if from := variable.ValueFrom; from != nil && from.SecretKeyRef != nil {
				add(toSecrets, from.SecretKeyRef.Name, from.SecretKeyRef.Optional, at)
			}
		}
	}
	return all
}

func addVolume(
	v corev1.VolumeSource, at func() *field.Path, add func(kind, name string, optional *bool, at func() *field.Path),
) {
	switch {
	case v.ConfigMap != nil:
		add(toConfigMaps, v.ConfigMap.Name, v.ConfigMap.Optional, at)
	case v.Secret != nil:
		add(toSecrets, v.Secret.SecretName, v.Secret.Optional, at)
	case v.PersistentVolumeClaim != nil:
		add(toVolumeClaims, v.PersistentVolumeClaim.ClaimName, nil, at)
	case v.Projected != nil:
		for _, source := range v.Projected.Sources {
			if source.ConfigMap != nil {
				add(toConfigMaps, source.ConfigMap.Name, source.ConfigMap.Optional, at)
			}
			if source.Secret != nil {
				add(toSecrets, source.Secret.Name, source.Secret.Optional, at)
			}
		}
	}
}

// ofName looks for what has a name. Every namespace has a ServiceAccount and a ConfigMap that no manifest is of.
func (a around) ofName(ctx context.Context, r namedReference) ([]handler.Violation, error) {
	if r.kind == toAccounts && r.name == everyAccount || r.kind == toConfigMaps && r.name == everyConfigMap {
		return nil, nil
	}
	find, err := finderOf(ctx, a.env, names(r.kind))
	if err != nil {
		return nil, err
	}
	known, err := hasKey(find, a.namespace, r.name)
	if !known && err == nil && r.kind == toVolumeClaims && a.env.Offline {
		known, err = a.isOfStatefulSet(ctx, r.name)
	}
	if known || err != nil {
		return nil, err
	}
	if !a.complete {
		if others, err := hasKey(find, a.namespace, everyName); err != nil || !others {
			return nil, err
		}
	}
	advice := createdAnywhere
	if r.kind == toConfigMaps || r.kind == toSecrets {
		advice = "create it first, correct the name, or say optional: true"
	}
	v := handler.Violationf(r.path, "%s %q is not in namespace %q; %s", r.kind, brief(r.name), a.namespace, advice)
	v.Identity = r.kind + "/" + r.name
	return []handler.Violation{v}, nil
}

// isOfStatefulSet says whether a claim is one that a StatefulSet makes, which are called data-web-0 and so on.
func (a around) isOfStatefulSet(ctx context.Context, claim string) (bool, error) {
	template := strings.TrimRight(claim, "0123456789")
	if template == claim || !strings.HasSuffix(template, "-") {
		return false, nil
	}
	find, err := finderOf(ctx, a.env, claimTemplates())
	if err != nil {
		return false, err
	}
	return hasKey(find, a.namespace, strings.TrimSuffix(template, "-"))
}
