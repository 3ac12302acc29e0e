// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package trust

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/klog/v2"
)

// Insistence is somebody else who keeps CAs of his own in our caBundles. They stay: to take them out would be undone.
type Insistence struct {
	Manager    string // the field manager, as far as it is known
	Annotation string // of the object, which asks for that; "" if none is known to
	CAs        Bundle // what stays though it is not ours, of all entries
}

// injection is the annotation of an object that has another controller put its CA into the caBundle: cert-manager's
// cainjector, or OpenShift's service-ca operator. It is "" if there is none.
func injection(obj *unstructured.Unstructured) string {
	annotations := obj.GetAnnotations()
	for _, key := range slices.Sorted(maps.Keys(annotations)) {
		_, name, _ := strings.Cut(key, "/")
		asks := strings.HasPrefix(name, "inject-ca") || strings.HasPrefix(name, "inject-apiserver-ca")
		if value := annotations[key]; asks && value != "" && value != "false" {
			return key
		}
	}
	return ""
}

// insistence is what one worker knows of others who keep CAs in our caBundles.
type insistence struct {
	rival string // the field manager other than ours that was last seen to own one of them
	extra Bundle // what was live and never in a policy of ours, when the worker last looked
	gone  Bundle // what of that has been taken out; if it comes back, somebody insists
	told  Bundle // what was reported to stay
}

// look brings it up to date with what is live, and returns what is to be left in the caBundles. everything is true if
// that is whatever was never in a policy of ours.
func (n *insistence) look(s scope, live *unstructured.Unstructured, p Policy) (insisted Bundle, everything bool) {
	var all Bundle
	var names []string
	for _, entry := range s.slots(live) {
		have, _ := ParseBundle(entry.bundle)
		all = all.Union(have)
		names = append(names, entry.webhook)
	}
	n.gone = n.gone.Union(n.extra.Without(all))
	n.extra = all.Without(p.published).WithoutFingerprints(p.Distrusted)
	n.rival = cmp.Or(owner(s.target.Kind, live, names, s.manager), n.rival)
	return n.gone, injection(live) != ""
}

// owner is a field manager other than ours that owns one of the caBundles, "" if none does.
func owner(kind Kind, live *unstructured.Unstructured, webhooks []string, ours string) string {
	for _, entry := range managedFields(live) {
		if name, _ := entry["manager"].(string); name != ours && ownsBundle(kind, mapField(entry, "fieldsV1"), webhooks) {
			return name
		}
	}
	return ""
}

// tellInsistence reports who keeps CAs in the caBundles of what is live, once for each CA.
func (w *worker) tellInsistence(ctx context.Context, live *unstructured.Unstructured, p Policy) {
	kept := w.insists.extra
	if !p.injected {
		kept = kept.Without(kept.Without(p.insisted))
	}
	if p.Bundle.Empty() || w.scope.creates() || kept.Without(w.insists.told).Empty() {
		return
	}
	w.insists.told = w.insists.told.Union(kept)
	found := Insistence{Manager: w.insists.rival, Annotation: injection(live), CAs: kept}
	klog.FromContext(ctx).Info("Leaving CAs that are not ours in the caBundle: another manager insists on them", "target",
		w.view.target.String(), "manager", found.Manager, "annotation", found.Annotation, "cas", found.CAs.Describe())
	if w.observer.Insists != nil {
		w.observer.Insists(w.view.target, found)
	}
}
