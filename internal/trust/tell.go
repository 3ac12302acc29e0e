// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package trust

import (
	"context"
	"slices"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/klog/v2"
)

// foreign are the entries of a webhook configuration that do not call us, in their order. The other kinds have
// one entry at most, which is ours or somebody else's.
func (s scope) foreign(obj *unstructured.Unstructured) []ForeignEntry {
	if s.target.Kind != Validating && s.target.Kind != Mutating {
		return nil
	}
	var foreign []ForeignEntry
	for _, p := range placesOf(s.target.Kind, obj) {
		if _, ours := s.reaches(p.config); !ours {
			foreign = append(foreign, ForeignEntry{Webhook: p.webhook, Calls: destination(p.config)})
		}
	}
	return foreign
}

// tellForeign reports the foreign entries of what is live when they are not what they were, once it is known by which
// names we can be called.
func (w *worker) tellForeign(ctx context.Context, known state) {
	if !known.synced() || !w.named() {
		return
	}
	foreign := w.scope.foreign(known.live)
	if w.told && slices.Equal(foreign, w.foreign) {
		return
	}
	w.told, w.foreign = true, foreign
	if len(foreign) > 0 {
		klog.FromContext(ctx).Info("Entries do not call our Service", "target", w.view.target.String(), "entries", foreign)
	}
	if w.observer.Foreign != nil {
		w.observer.Foreign(w.view.target, foreign)
	}
}

// tellInsistence reports who keeps CAs in the caBundles of what is live, once for each CA.
func (w *worker) tellInsistence(ctx context.Context, live *unstructured.Unstructured, p Policy) {
	kept := w.insists.extra
	if !p.injected {
		kept = kept.Intersect(p.insisted)
	}
	if p.Bundle.Empty() || w.scope.creates() || kept.Without(w.insists.told).Empty() {
		return
	}
	w.insists.told = remember(w.insists.told, kept)
	found := Insistence{Manager: w.insists.rival, Annotation: injection(live), CAs: kept}
	klog.FromContext(ctx).Info("Leaving CAs that are not ours in the caBundle: another manager insists on them", "target",
		w.view.target.String(), "manager", found.Manager, "annotation", found.Annotation, "cas", found.CAs.Describe())
	if w.observer.Insists != nil {
		w.observer.Insists(w.view.target, found)
	}
}
