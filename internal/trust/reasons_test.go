// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package trust

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

func TestErrorsSayWhatToDo(t *testing.T) {
	resource := schema.GroupResource{Group: "admissionregistration.k8s.io", Resource: "validatingwebhookconfigurations"}
	forbidden := func(verb string) error {
		return apierrors.NewForbidden(resource, "hookstrap", fmt.Errorf(`User "system:serviceaccount:shop:hook" cannot %s `+
			`resource "validatingwebhookconfigurations" in API group "admissionregistration.k8s.io" at the cluster scope: `+
			`RBAC says no`, verb))
	}
	denied := apierrors.NewForbidden(resource, "hookstrap", errors.New("ValidatingAdmissionPolicy 'frozen' with binding "+
		"'all' denied request: not on Fridays"))
	const grant = "on validatingwebhookconfigurations.admissionregistration.k8s.io with resourceNames [hookstrap]"

	for name, tc := range map[string]struct {
		say  func(Target, error) error
		err  error
		want []string
	}{
		"watch forbidden":    {unreadable, forbidden("list"), []string{`grant our service account the verb "list" and "watch" ` + grant, "RBAC says no"}},
		"watch unauthorized": {unreadable, apierrors.NewUnauthorized("who are you"), []string{"does not accept our credentials", "who are you"}},
		"no such kind":       {unreadable, apierrors.NewNotFound(resource, ""), []string{"no such kind"}},
		"API server away":    {unreadable, errors.New("connection refused"), []string{"may be old", "connection refused"}},
		"patch forbidden":    {unwritable, forbidden("patch"), []string{`the verb "patch" ` + grant, "RBAC says no"}},
		"invalid":            {unwritable, apierrors.NewInvalid(schema.GroupKind{}, "hookstrap", nil), []string{"correct the fields of the object"}},
		"denied":             {unwritable, denied, []string{`the ValidatingAdmissionPolicy "frozen" (binding "all") denied it`, "not on Fridays"}},
		"restored":           {unwritable, errUnchanged, []string{"admission plugin or policy"}},
		"server error":       {unwritable, errors.New("etcd is away"), []string{"etcd is away", "check the API server"}},
	} {
		t.Run(name, func(t *testing.T) {
			err := tc.say(hookstrap(), tc.err)
			if name == "invalid" && strings.Contains(err.Error(), "field manager") {
				t.Errorf("what is wrong with a field is none of a manager's: %v", err)
			}
			if !errors.Is(err, tc.err) {
				t.Errorf("%v does not wrap its cause", err)
			}
			for _, want := range append(tc.want, `ValidatingWebhookConfiguration "hookstrap"`) {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("error does not say %q: %v", want, err)
				}
			}
		})
	}
}
