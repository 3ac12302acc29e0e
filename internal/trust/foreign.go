// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package trust

import (
	"context"
	"net/url"
	"slices"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/klog/v2"
)

// ForeignEntry is an entry of a webhook configuration that does not call us. A client that may write our entries may
// add one: RBAC knows no fields. It is sent every object that its rules match.
type ForeignEntry struct {
	Webhook string // the entry's name
	Calls   string // where it goes: NAMESPACE/NAME of a Service, or scheme and host of a URL
}

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

// destination leaves out what of a URL may be a secret.
func destination(config map[string]any) string {
	if address, found := config["url"].(string); found {
		parsed, err := url.Parse(address)
		if err != nil {
			return "a URL that cannot be read"
		}
		return parsed.Scheme + "://" + parsed.Host
	}
	service := mapField(config, "service")
	namespace, _ := service["namespace"].(string)
	name, _ := service["name"].(string)
	return namespace + "/" + name
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
