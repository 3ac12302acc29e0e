// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package offline

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/utils/ptr"
	kjson "sigs.k8s.io/json"

	"github.com/hookstrap/hookstrap/internal/position"
	"github.com/hookstrap/hookstrap/pkg/handler/config"
)

// object is an object of a manifest.
type object struct {
	file      string
	line      int
	lines     position.Document
	kind      schema.GroupVersionKind
	name      string // or what its name will begin with
	namespace string // as the manifest has it, until it is completed
	labels    map[string]string
	raw       []byte
}

// problem is something in a file that is no object, or a file that cannot be read.
type problem struct {
	file       string
	line       int
	level      Level
	unreadable bool
	text       string
}

// errNoObject is a document for somebody else, if it is in a directory.
var errNoObject = errors.New("it is no object of Kubernetes")

// objectsOf returns the objects in a document: one, or those of a list.
func objectsOf(file string, d document) ([]object, error) {
	if d.err != nil {
		return nil, d.err
	}
	var head struct {
		metav1.TypeMeta `json:""`
		Metadata        *metav1.ObjectMeta `json:"metadata"`
		Items           []json.RawMessage  `json:"items"`
	}
	if !bytes.HasPrefix(bytes.TrimSpace(d.json), []byte("{")) {
		return nil, fmt.Errorf("%w: it has neither apiVersion nor kind", errNoObject)
	}
	if err := kjson.UnmarshalCaseSensitivePreserveInts(d.json, &head); err != nil {
		return nil, errors.New("it is no object of Kubernetes: its apiVersion, kind, metadata or items are of a wrong type")
	}
	switch {
	case head.APIVersion == "" && head.Kind == "":
		return nil, fmt.Errorf("%w: it has neither apiVersion nor kind", errNoObject)
	case head.Kind == "" && head.Metadata == nil: // such as a Chart.yaml of Helm
		return nil, fmt.Errorf("%w: it has neither kind nor metadata", errNoObject)
	case head.APIVersion == "" || head.Kind == "":
		return nil, errors.New("it is no object of Kubernetes: it lacks apiVersion or kind")
	}
	group, err := schema.ParseGroupVersion(head.APIVersion)
	if err != nil {
		return nil, fmt.Errorf("its apiVersion is not valid: %w", err)
	}
	if group.Group == "kustomize.config.k8s.io" {
		return nil, fmt.Errorf("%w: it is for kustomize, which no API server knows: render it first, as with kubectl "+
			"kustomize", errNoObject)
	}
	if own, _ := schema.ParseGroupVersion(config.APIVersion); group.Group == own.Group {
		switch head.Kind {
		case config.Kind:
			return nil, fmt.Errorf("%w: it is a configuration of checks: give it to --config", errNoObject)
		case baselineKind:
			return nil, fmt.Errorf("%w: it is a list of known findings: give it to --baseline", errNoObject)
		}
	}
	kind := group.WithKind(head.Kind)
	if head.Items != nil && strings.HasSuffix(head.Kind, "List") {
		return itemsOf(file, d, kind, head.Items)
	}
	metadata := ptr.Deref(head.Metadata, metav1.ObjectMeta{})
	return []object{{
		file: file, line: d.line, lines: d.lines, kind: kind, name: cmp.Or(metadata.Name, metadata.GenerateName),
		namespace: metadata.Namespace, labels: metadata.Labels, raw: d.json,
	}}, nil
}

// itemsOf returns the objects of a list. Those of a list of one kind, such as a PodList, need not say what they are.
func itemsOf(file string, list document, kind schema.GroupVersionKind, items []json.RawMessage) ([]object, error) {
	var all []object
	var errs []error
	for i, item := range items {
		lines := list.lines.Item("items", i)
		d := document{json: item, lines: lines, line: max(list.line, lines.Line(""))}
		if kind.Kind != "List" {
			d.json = withType(item, kind)
		}
		found, err := objectsOf(file, d)
		if err != nil {
			// As text: only a whole document can be errNoObject, and be skipped.
			errs = append(errs, fmt.Errorf("item %d: %s", i, err.Error()))
		}
		all = append(all, found...)
	}
	return all, errors.Join(errs...)
}

// withType gives an item the type that its list has, if it has none.
func withType(item json.RawMessage, list schema.GroupVersionKind) []byte {
	return edited(item, func(fields map[string]any) {
		if fields["kind"] == nil && fields["apiVersion"] == nil {
			fields["apiVersion"], fields["kind"] = list.GroupVersion().String(), strings.TrimSuffix(list.Kind, "List")
		}
	})
}

// edited changes the fields of a JSON object. What is none stays as it is.
func edited(data []byte, edit func(fields map[string]any)) []byte {
	var fields map[string]any
	if err := kjson.UnmarshalCaseSensitivePreserveInts(data, &fields); err != nil || fields == nil {
		return data
	}
	edit(fields)
	changed, err := json.Marshal(fields)
	if err != nil {
		return data
	}
	return changed
}

// child is the object in a field, which is made if it is not there.
func child(fields map[string]any, name string) map[string]any {
	found, ok := fields[name].(map[string]any)
	if !ok {
		found = map[string]any{}
		fields[name] = found
	}
	return found
}
