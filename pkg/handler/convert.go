// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package handler

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"runtime/debug"

	apimeta "k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/klog/v2"

	"github.com/hookstrap/hookstrap/internal/lean"
)

// convertible is what is read of an object before its version is known.
type convertible struct {
	metav1.TypeMeta `json:",inline"`
	Metadata        json.RawMessage `json:"metadata"`
}

// Convert returns an object, in JSON, as one of another apiVersion, such as example.com/v2. The error says which
// object cannot be converted, and why.
func (c *Conversion) Convert(ctx context.Context, object []byte, apiVersion string) ([]byte, error) {
	return c.convert(ctx, lean.Object{Raw: object}, apiVersion)
}

func (c *Conversion) convert(ctx context.Context, object lean.Object, apiVersion string) (converted []byte, err error) {
	var head convertible
	if err := lean.DecodeAll(&head, object); err != nil {
		return nil, fmt.Errorf("cannot read an object to be converted to %s: %w", apiVersion, err)
	}
	defer func() {
		if reason := recover(); reason != nil {
			err = conversionPanicked(ctx, reason, "kind", c.Kind().String(), "object", head.subject())
		}
		if err != nil {
			err = fmt.Errorf("cannot convert %s from %s to %s: %w", head.subject(), head.APIVersion, apiVersion, err)
		}
	}()
	if head.Kind != c.hub.Kind {
		return nil, fmt.Errorf("the webhook converts only %s", c.Kind())
	}
	from, err := c.find(head.APIVersion)
	if err != nil {
		return nil, err
	}
	to, err := c.find(apiVersion)
	if err != nil {
		return nil, err
	}
	if head.APIVersion == apiVersion {
		return object.Raw, nil
	}
	source := from.empty()
	if err := lean.DecodeAll(source, object); err != nil {
		return nil, err
	}
	meta := metadataOf(source)
	if meta == nil && head.Metadata != nil {
		meta = &metav1.ObjectMeta{}
		if err := lean.DecodeAll(meta, lean.Object{Raw: head.Metadata, Memory: object.Memory}); err != nil {
			return nil, fmt.Errorf("cannot read its metadata: %w", err)
		}
	}
	target, err := c.through(ctx, source, meta, from, to)
	if err != nil {
		return nil, err
	}
	return head.write(target, apiVersion)
}

// conversionPanicked tells the log of a panic in a conversion, and returns what there is to tell everybody else.
func conversionPanicked(ctx context.Context, reason any, keysAndValues ...any) error {
	klog.FromContext(ctx).Error(nil, "A conversion panicked; this is a bug in it",
		append(keysAndValues, "panic", fmt.Sprint(reason), "stack", string(debug.Stack()))...)
	return errors.New("it panicked; the webhook's log has the stack")
}

// through converts an object with this metadata by way of the hub.
func (c *Conversion) through(
	ctx context.Context, object any, meta *metav1.ObjectMeta, from, to version,
) (any, error) {
	if from.toHub != nil {
		hub := c.versions[c.hub.Version].empty()
		meta = carryMetadata(meta, hub)
		if err := from.toHub(ctx, object, hub); err != nil {
			return nil, err
		}
		object = hub
	}
	if to.fromHub != nil {
		spoke := to.empty()
		carryMetadata(meta, spoke)
		if err := to.fromHub(ctx, object, spoke); err != nil {
			return nil, err
		}
		object = spoke
	}
	return object, nil
}

// carryMetadata copies the metadata, which API servers demand to be the same, but for labels and annotations. It
// returns that from which the next version is to have it.
func carryMetadata(meta *metav1.ObjectMeta, object any) *metav1.ObjectMeta {
	of := metadataOf(object)
	if meta == nil || of == nil {
		return meta
	}
	meta.DeepCopyInto(of)
	return of
}

func metadataOf(object any) *metav1.ObjectMeta {
	if accessor, ok := object.(metav1.ObjectMetaAccessor); ok {
		meta, _ := accessor.GetObjectMeta().(*metav1.ObjectMeta)
		return meta
	}
	return nil
}

// write writes a converted object as JSON, with the metadata as they were where its type has none, or a type of its own
// for them: that may know less than there is.
func (h *convertible) write(object any, apiVersion string) ([]byte, error) {
	data, err := json.Marshal(object)
	if err != nil {
		return nil, fmt.Errorf("cannot write %T as JSON: %w", object, err)
	}
	members := map[string]json.RawMessage{}
	if err := json.Unmarshal(data, &members); err != nil {
		return nil, fmt.Errorf("%T is no object in JSON: %w", object, err)
	}
	for name, value := range map[string]string{"apiVersion": apiVersion, "kind": h.Kind} {
		if members[name], err = json.Marshal(value); err != nil {
			return nil, err
		}
	}
	if _, err := apimeta.Accessor(object); h.Metadata != nil && (err != nil || members["metadata"] == nil) {
		members["metadata"] = h.Metadata
	}
	return json.Marshal(members)
}

// subject names an object in an error.
func (h *convertible) subject() string {
	var names struct{ Namespace, Name string }
	_ = json.Unmarshal(h.Metadata, &names) // Without a name, its kind is named.
	return clean(fmt.Sprintf("%s %q", h.Kind, klog.KRef(names.Namespace, names.Name)), maxViolation)
}
