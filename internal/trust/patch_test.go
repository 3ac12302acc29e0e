// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package trust

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

const (
	applyOfOurs = `{manager: hookstrap, operation: Apply, fieldsV1: {"f:webhooks": {'k:{"name":"w0"}':
  {".": {}, "f:name": {}, "f:clientConfig": {"f:caBundle": {}}}}}}`
	applyOfSomebody = `{manager: hookstrap, operation: Apply, fieldsV1: {"f:webhooks": {'k:{"name":"w0"}':
  {".": {}, "f:name": {}, "f:sideEffects": {}, "f:clientConfig": {"f:caBundle": {}}}}}}`
	update    = `{manager: hookstrap, operation: Update, fieldsV1: {"f:webhooks": {}}}`
	installer = `{manager: installer, operation: Apply, fieldsV1: {"f:webhooks": {}}}`
)

// What an earlier release owns by server-side apply becomes what a JSON patch owns, and nothing else of the object
// changes. It takes no more than a moment's leisure: the bundle is right.
func TestDisown(t *testing.T) {
	policy := Policy{Bundle: NewBundle(newCA(t, "ours", noon().Add(time.Hour)).cert), Exact: true}
	const converted = `{manager: hookstrap, operation: Update, fieldsV1: {"f:webhooks": {'k:{"name":"w0"}':
  {"f:clientConfig": {"f:caBundle": {}}}}}}`
	base := webhooks(t, policy.Bundle.PEM())
	for name, tc := range map[string]struct{ before, after string }{
		"ours":                      {"[" + applyOfOurs + "," + installer + "]", "[" + converted + "," + installer + "]"},
		"ours, beside a patch":      {"[" + installer + "," + applyOfOurs + "," + update + "]", "[" + installer + "," + update + "]"},
		"somebody under our name":   {"[" + applyOfSomebody + "]", ""},
		"nothing by an apply of us": {"[" + installer + "," + update + "]", ""},
	} {
		t.Run(name, func(t *testing.T) {
			live := base.DeepCopy()
			set := func(entries string) {
				metadata, _ := live.Object["metadata"].(map[string]any)
				metadata["managedFields"] = object(t, "l: "+entries).Object["l"]
			}
			set(tc.before)
			d, err := decideOf(ourScope(), live, policy)
			if err != nil {
				t.Fatal(err)
			}
			if tc.after == "" {
				if d.reason != "" || d.patch != nil {
					t.Errorf("sends %v because of %q, want nothing", d.patch, d.reason)
				}
				return
			}
			got := patched(t, live, d)
			set(tc.after)
			if diff := cmp.Diff(live, got); diff != "" || d.reason != reasonOwnership || d.urgent {
				t.Errorf("reason %q, urgent %t (-want +got):\n%s", d.reason, d.urgent, diff)
			}
		})
	}
}

// TestSameBundleIsSentOnce: what the entries have in common is in the patch once, and each of them gets it.
func TestSameBundleIsSentOnce(t *testing.T) {
	live, slots := webhooks(t, nil, nil, nil, nil, nil), ourScope().slots(webhooks(t, nil, nil, nil, nil, nil))
	same, other := NewBundle(newCA(t, "same", noon()).cert).PEM(), NewBundle(newCA(t, "other", noon()).cert).PEM()
	for i := range slots {
		slots[i].bundle = same
	}
	slots[3].bundle = other
	patch := fill(Validating, slots)
	if diff := cmp.Diff(slots, ourScope().slots(patched(t, live, decision{patch: patch})), cmp.AllowUnexported(slot{})); diff != "" {
		t.Errorf("(-wanted +found):\n%s", diff)
	}
	text, err := json.Marshal(patch)
	if err != nil {
		t.Fatal(err)
	}
	// The last one comes after another, and is not copied from farther back.
	if n := strings.Count(string(text), base64.StdEncoding.EncodeToString(same)); n != 2 {
		t.Errorf("the bundle is in the patch %d times, want 2: %s", n, text)
	}
}

// An object that is refused is no lost race, or the refusal would be neither reported nor tried again.
func TestLost(t *testing.T) {
	resource := schema.GroupResource{Group: "admissionregistration.k8s.io", Resource: "validatingwebhookconfigurations"}
	kind := schema.GroupKind{Group: resource.Group, Kind: "ValidatingWebhookConfiguration"}
	// As the API server makes it in applyJSPatch of k8s.io/apiserver/pkg/endpoints/handlers.
	doesNotFit := apierrors.NewGenericServerResponse(http.StatusUnprocessableEntity, "", schema.GroupResource{}, "",
		"testing value /metadata/resourceVersion failed: test failed", 0, false)
	denied := apierrors.NewForbidden(resource, "x", errors.New("a policy denied the request"))
	denied.ErrStatus.Code, denied.ErrStatus.Reason = http.StatusUnprocessableEntity, "Invalid"
	webhook := apierrors.NewInvalid(kind, "x", nil)
	webhook.ErrStatus.Details, webhook.ErrStatus.Message = nil, "admission webhook \"x\" denied the request: no"
	webhookAs := func(code int32, reason metav1.StatusReason) error { // A webhook may choose both.
		return &apierrors.StatusError{ErrStatus: metav1.Status{Status: metav1.StatusFailure, Code: code, Reason: reason,
			Message: `admission webhook "x" denied the request: no`}}
	}
	for name, tc := range map[string]struct {
		err  error
		want bool
	}{
		"a webhook's conflict":  {webhookAs(http.StatusConflict, metav1.StatusReasonConflict), false},
		"a webhook's not found": {webhookAs(http.StatusNotFound, metav1.StatusReasonNotFound), false},
		"already there":         {apierrors.NewAlreadyExists(resource, "x"), true},
		"failed test":           {doesNotFit, true},
		"conflict":              {apierrors.NewConflict(resource, "x", errors.New("modified")), true},
		"deleted":               {apierrors.NewNotFound(resource, "x"), true},
		"invalid":               {apierrors.NewInvalid(kind, "x", nil), false},
		"denied by a policy":    {denied, false},
		"denied by a webhook":   {webhook, false},
		"forbidden":             {apierrors.NewForbidden(resource, "x", errors.New("no")), false},
		"away":                  {errors.New("connection refused"), false},
	} {
		if got := lost(tc.err); got != tc.want {
			t.Errorf("%s: lost = %t, want %t: %v", name, got, tc.want, tc.err)
		}
	}
}
