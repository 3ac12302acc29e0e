// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package trust

import (
	"encoding/base64"
	"errors"
	"fmt"
	"slices"

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
}

// unchanged makes the patch fail when the object is no longer the live one.
func unchanged(live *unstructured.Unstructured) []operation {
	return []operation{
		{"test", "/metadata/uid", string(live.GetUID())},
		{"test", "/metadata/resourceVersion", live.GetResourceVersion()},
	}
}

// fill writes the bundles of the slots. In a list an entry is found by its index, and tested by its name.
func fill(kind Kind, changed []slot) []operation {
	var all []operation
	for _, entry := range changed {
		if entry.webhook != "" {
			all = append(all, operation{"test", fmt.Sprintf("/webhooks/%d/name", entry.index), entry.webhook})
		}
		if len(entry.bundle) == 0 {
			all = append(all, operation{Op: "remove", Path: configPath(kind, entry) + "/caBundle"})
			continue
		}
		encoded := base64.StdEncoding.EncodeToString(entry.bundle)
		all = append(all, operation{"add", configPath(kind, entry) + "/caBundle", encoded})
	}
	return all
}

// configPath is the JSON pointer to what has the slot's caBundle.
func configPath(kind Kind, entry slot) string {
	switch kind {
	case CRD:
		return "/spec/conversion/webhook/clientConfig"
	case APIService:
		return "/spec"
	default:
		return fmt.Sprintf("/webhooks/%d/clientConfig", entry.index)
	}
}

// disown gives up what we own beyond need. Of a CRD that is all, for as long as somebody else owns anything: its owner
// could not take the conversion webhook away otherwise.
func (s scope) disown(live *unstructured.Unstructured) []operation {
	if s.target.Kind != CRD {
		return disownEntries(live, s.manager)
	}
	var changes []operation
	all := managedFields(live)
	for i, entry := range slices.Backward(all) { // Whatever is removed leaves the indices before it as they are.
		if _, whole := bundlesOf(mapField(entry, "fieldsV1")); whole && entry["manager"] == s.manager {
			changes = append(changes, operation{Op: "remove", Path: fmt.Sprintf("/metadata/managedFields/%d", i)})
		}
	}
	if len(changes) == len(all) {
		return nil // The API server takes an empty list for one that the client does not know of.
	}
	return changes
}

// disownEntries turns what earlier releases own by server-side apply, the entries of a list, into what a JSON patch
// owns, their caBundles. It leaves alone what somebody else applies under our field manager's name, which is more
// than caBundles.
func disownEntries(live *unstructured.Unstructured, manager string) []operation {
	all := managedFields(live)
	updated := slices.ContainsFunc(all, func(entry map[string]any) bool {
		return entry["manager"] == manager && entry["operation"] == string(metav1.ManagedFieldsOperationUpdate)
	})
	var changes []operation
	for i, entry := range slices.Backward(all) {
		fields, whole := bundlesOf(mapField(entry, "fieldsV1"))
		if entry["manager"] != manager || entry["operation"] != string(metav1.ManagedFieldsOperationApply) || !whole {
			continue
		}
		path := fmt.Sprintf("/metadata/managedFields/%d", i)
		if updated {
			changes = append(changes, operation{Op: "remove", Path: path})
			continue
		}
		changes = append(changes, operation{"replace", path + "/operation", string(metav1.ManagedFieldsOperationUpdate)},
			operation{"replace", path + "/fieldsV1", fields})
	}
	return changes
}

// bundlesOf is what of a set of managed fields is a caBundle, and whether that is all, but for the entries of a list
// and their names.
func bundlesOf(fields map[string]any) (bundles map[string]any, whole bool) {
	bundles, whole = map[string]any{}, true
	for key := range fields {
		inside := mapField(fields, key)
		switch {
		case key == "f:caBundle":
			bundles[key] = map[string]any{}
		case len(inside) > 0:
			found, all := bundlesOf(inside)
			bundles[key], whole = found, whole && all
		default:
			whole = whole && (key == "." || key == "f:name")
		}
	}
	return bundles, whole
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
