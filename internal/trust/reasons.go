// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package trust

import (
	"errors"
	"fmt"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"

	"github.com/hookstrap/hookstrap/internal/refusal"
)

// errUnchanged is a write that was accepted and had no effect.
var errUnchanged = errors.New("the API server accepted it but kept the old caBundle")

// unreadable says why a target cannot be watched, and what to do.
func unreadable(t Target, err error) error {
	kind := refusal.Of(err).Kind
	switch {
	case t.Kind == trustBundle && (kind == refusal.Rule || apierrors.IsNotFound(err)):
		// Who may read it is granted by the release that serves it; the others ask for the right before they look.
		return fmt.Errorf("%s is not published: this API server does not serve %s ClusterTrustBundle (Kubernetes does from "+
			"1.37 on): go without --publish-trust-bundle; if it does serve it, %s: %w", t.title(),
			t.Kind.gvk().GroupVersion(), grant(t, `"list" and "watch"`), err)
	case apierrors.IsNotFound(err):
		return fmt.Errorf("%s cannot be watched: this API server has no such kind: correct the kind of the target: %w",
			t.title(), err)
	}
	return refusal.Explain(t.title()+" cannot be watched", err, grant(t, `"list" and "watch"`),
		"what is known of it may be old: check the connection to the API server")
}

// unwritable says why a target cannot be written, and what to do.
func unwritable(t Target, err error) error {
	what := fmt.Sprintf("the %s of %s cannot be written", t.Kind.field(), t.title())
	advice := "check the API server"
	switch {
	case errors.Is(err, errUnchanged):
		return fmt.Errorf("%s: %w: find the admission plugin or policy which restores it", what, err)
	case refusal.Of(err).Kind == refusal.Invalid:
		advice = "correct the fields of the object that the API server names"
	}
	return refusal.Explain(what, err, grantWrite(t), advice)
}

// grantWrite names the RBAC rules of a write. To create by an apply takes both verbs, and to write for a signer takes
// its consent (KEP-3257).
func grantWrite(t Target) string {
	if t.Kind != trustBundle {
		return grant(t, `"patch"`)
	}
	return fmt.Sprintf(`%s, and the verb "attest" on signers.certificates.k8s.io with resourceNames [%s]`,
		grant(t, `"create" and "patch"`), t.signer())
}

// grant names the RBAC rule which is missing.
func grant(t Target, verbs string) string {
	return fmt.Sprintf("grant our service account the verb %s on %s with resourceNames [%s]",
		verbs, t.Kind.gvr().GroupResource(), t.Name)
}

// missing says why there is no entry of ours in a target, and what to do; it is "" when there are some.
func missing(t Target, service types.NamespacedName, s state, entries int) string {
	switch {
	case !s.synced() && s.watchErr != nil:
		return s.watchErr.Error()
	case !s.synced():
		return fmt.Sprintf("%s has not been read yet: waiting for the API server", t.title())
	case s.live == nil:
		return fmt.Sprintf("%s does not exist yet: create it (kubectl apply -k manifests); waiting", t.title())
	case entries == 0:
		return fmt.Sprintf("%s has no entry that points at Service %s: correct its clientConfig.service, "+
			"or the service name and namespace given to us", t.title(), service) + extraSAN(t, s.live)
	}
	return ""
}

// extraSAN is the advice for an object that calls only hosts which our certificate is not for.
func extraSAN(t Target, live *unstructured.Unstructured) string {
	for _, p := range placesOf(t.Kind, live) {
		if p.config["url"] != nil {
			return fmt.Sprintf("; if the host of %s is ours, give us the host as an extra SAN", destination(p.config))
		}
	}
	return ""
}
