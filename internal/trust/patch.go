// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package trust

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/hookstrap/hookstrap/internal/refusal"
)

// operation is one step of a JSON patch (RFC 6902). The API server takes all steps or none.
//
// A caBundle is not written by server-side apply: what applies an item of a list owns the item, and an owner who leaves
// it out of his manifest could not remove it. A JSON patch makes us an owner of the caBundle alone.
type operation struct {
	Op    string `json:"op"`
	Path  string `json:"path"`
	Value any    `json:"value,omitempty"`
	From  string `json:"from,omitempty"` // of a copy
}

// unchanged makes the patch fail when the object is no longer the live one.
func unchanged(live *unstructured.Unstructured) []operation {
	return []operation{
		{Op: "test", Path: "/metadata/uid", Value: string(live.GetUID())},
		{Op: "test", Path: "/metadata/resourceVersion", Value: live.GetResourceVersion()},
	}
}

// fill writes the bundles of the slots. In a list an entry is found by its index, and tested by its name. What an entry
// has in common with the one before it is copied there, as a bundle is nearly all of the request.
func fill(kind Kind, changed []slot) []operation {
	var all []operation
	var written slot
	for _, entry := range changed {
		path := configPath(kind, entry) + "/caBundle"
		if entry.webhook != "" {
			name := fmt.Sprintf("/webhooks/%d/name", entry.index)
			all = append(all, operation{Op: "test", Path: name, Value: entry.webhook})
		}
		switch {
		case len(entry.bundle) == 0:
			all = append(all, operation{Op: "remove", Path: path})
			continue
		case bytes.Equal(entry.bundle, written.bundle):
			all = append(all, operation{Op: "copy", Path: path, From: configPath(kind, written) + "/caBundle"})
		default:
			text := base64.StdEncoding.EncodeToString(entry.bundle)
			all = append(all, operation{Op: "add", Path: path, Value: text})
		}
		written = entry
	}
	return all
}

// configPath is the JSON pointer to what has the slot's caBundle.
func configPath(kind Kind, entry slot) string {
	if path := kind.path(); path != nil {
		return "/" + strings.Join(path, "/")
	}
	return fmt.Sprintf("/webhooks/%d/clientConfig", entry.index)
}

// disown gives up what we own beyond need. Of a CRD that is all, for as long as somebody else owns anything: its owner
// could not take the conversion webhook away otherwise. Elsewhere it turns what earlier releases own by server-side
// apply, the entries of a list, into what a JSON patch owns, their caBundles. It leaves alone what somebody else
// applies under our field manager's name, which is more than caBundles.
func (s scope) disown(live *unstructured.Unstructured) []operation {
	const apply, update = string(metav1.ManagedFieldsOperationApply), string(metav1.ManagedFieldsOperationUpdate)
	all, everything := managedFields(live), s.target.Kind == CRD
	remove := everything || slices.ContainsFunc(all, func(entry map[string]any) bool {
		return entry["manager"] == s.manager && entry["operation"] == update
	})
	var changes []operation
	for i, entry := range slices.Backward(all) { // Whatever is removed leaves the indices before it as they are.
		if entry["manager"] != s.manager || !everything && entry["operation"] != apply {
			continue
		}
		fields, whole := bundlesOf(mapField(entry, "fieldsV1"))
		if !whole {
			continue
		}
		path := fmt.Sprintf("/metadata/managedFields/%d", i)
		if remove {
			changes = append(changes, operation{Op: "remove", Path: path})
			continue
		}
		changes = append(changes, operation{Op: "replace", Path: path + "/operation", Value: update},
			operation{Op: "replace", Path: path + "/fieldsV1", Value: fields})
	}
	if everything && len(changes) == len(all) {
		return nil // The API server takes an empty list for one that the client does not know of.
	}
	return changes
}

// lost reports whether somebody else wrote first, so that what was looked at is no longer the live object. The watch
// brings what is. A webhook that denies with such a status code is none.
func lost(err error) bool {
	return refusal.Conflict(err) || refusal.Of(err).Kind == refusal.NoObject || doesNotFit(err)
}

// doesNotFit recognizes the answer to a JSON patch with a test that fails, or with a path that the object does not
// have. Its reason is Invalid, as with an object that is refused; only those come with an object's kind and causes.
func doesNotFit(err error) bool {
	const generic = "the server rejected our request due to an error in our request"
	var answer apierrors.APIStatus
	if !apierrors.IsInvalid(err) || !errors.As(err, &answer) {
		return false
	}
	status := answer.Status()
	return status.Message == generic &&
		(status.Details == nil || status.Details.Kind == "" && len(status.Details.Causes) == 0)
}
