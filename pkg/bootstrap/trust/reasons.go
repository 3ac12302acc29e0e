// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package trust

import (
	"errors"
	"fmt"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
)

// unreadable says why a target cannot be watched, and what to do.
func unreadable(t Target, err error) error {
	switch {
	case apierrors.IsForbidden(err) || apierrors.IsUnauthorized(err):
		return fmt.Errorf("%s cannot be watched: %s: %w", t.title(), grant(t, `"list" and "watch"`), err)
	case apierrors.IsNotFound(err):
		return fmt.Errorf("%s cannot be watched: this API server has no such kind: correct the kind of the target: %w",
			t.title(), err)
	}
	return fmt.Errorf("%s cannot be watched, what is known of it may be old: check the connection to the API server: %w",
		t.title(), err)
}

// unwritable says why a target cannot be written, and what to do.
func unwritable(t Target, err error) error {
	switch {
	case errors.Is(err, errUnchanged):
		return fmt.Errorf("the caBundle of %s cannot be written: %w: find the admission plugin or policy which restores it",
			t.title(), err)
	case apierrors.IsForbidden(err) || apierrors.IsUnauthorized(err):
		return fmt.Errorf("the caBundle of %s cannot be written: %s: %w", t.title(), grant(t, `"patch"`), err)
	case apierrors.IsInvalid(err) || apierrors.IsBadRequest(err):
		return fmt.Errorf("the caBundle of %s cannot be written: correct the object first: %w", t.title(), err)
	}
	return fmt.Errorf("the caBundle of %s cannot be written: check the API server: %w", t.title(), err)
}

// grant names the RBAC rule which is missing.
func grant(t Target, verbs string) string {
	return fmt.Sprintf("grant our service account the verb %s on %s with resourceNames [%s]",
		verbs, t.Kind.gvr().GroupResource(), t.Name)
}

// missing says why there is no entry of ours in a target, and what to do; it is "" when there are some.
func missing(t Target, service types.NamespacedName, s state, entries int) string {
	switch {
	case !s.synced && s.watchErr != nil:
		return s.watchErr.Error()
	case !s.synced:
		return fmt.Sprintf("%s has not been read yet: waiting for the API server", t.title())
	case s.live == nil:
		return fmt.Sprintf("%s does not exist yet: create it (kubectl apply -k manifests); waiting", t.title())
	case entries == 0:
		return fmt.Sprintf("%s has no entry that points at Service %s: correct its clientConfig.service, "+
			"or the service name and namespace given to us", t.title(), service)
	}
	return ""
}
