// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package refusal

import (
	"cmp"
	"fmt"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Advice says in a clause who refused and what to do; "" for the kinds of which only the caller knows what to do: None,
// NoObject, Race and Invalid. Grant says how to grant what was refused, for the kind Rule, such as "grant {verbs:
// [get]}". The error itself, with the words of the component that refused, belongs behind it.
func Advice(err error, grant string) string {
	r := Of(err)
	const noRule = ", and no RBAC rule"
	switch r.Kind {
	case Credentials:
		return "the API server does not accept our credentials" + noRule + " can change that: " +
			cmp.Or(r.notes[noteCredentials], "look at the token, or at the client certificate")
	case Rule:
		return r.missing(grant)
	case Quota:
		return r.By + " is used up" + noRule + " is missing: raise it, or delete what is not needed in the namespace"
	case Policy:
		return r.By + " denied it" + noRule + " is missing: do what its message says, or exempt our ServiceAccount in it"
	case Webhook:
		return r.By + " denied it" + noRule + " is missing: do what its message says, or exempt our requests there"
	case Terminating:
		return "the namespace is being deleted" + noRule + " is missing: wait until it is gone, then install again"
	case Plugin:
		return "an admission plugin of the API server, or a proxy before it, refused" + noRule + " is named: do what its " +
			"message says"
	case NoKind:
		return "this API server does not serve that kind of object"
	case NoNamespace:
		return "create the namespace, or correct its name"
	case Manager:
		return r.By + " owns the field: have its manifest leave the field out"
	default:
		return ""
	}
}

// missing names what was not granted: all that this process needs, if that is known. A name that may be wrong comes
// first, for to grant a right for a wrong name is no remedy.
func (r Refusal) missing(grant string) string {
	advice := "an RBAC rule is missing: " + grant
	if all := r.notes[noteMissing]; all != "" {
		advice = "RBAC rules are missing, these are all: grant " + all
	}
	if wrong := r.notes[noteNames]; wrong != "" {
		return "a name may be wrong: " + wrong + "; if it is right, " + advice
	}
	return advice
}

// What is added to an answer of the API server before client-go reads it; see [Watch].
const (
	noteCredentials metav1.CauseType = "hookstrap.dev/credentials" // #nosec G101 -- a name.
	noteMissing     metav1.CauseType = "hookstrap.dev/missing-rules"
	noteNames       metav1.CauseType = "hookstrap.dev/names"
)

func notesOf(status metav1.Status) map[metav1.CauseType]string {
	if status.Details == nil {
		return nil
	}
	notes := map[metav1.CauseType]string{}
	for _, cause := range status.Details.Causes {
		if strings.HasPrefix(string(cause.Type), "hookstrap.dev/") {
			notes[cause.Type] = cause.Message
		}
	}
	return notes
}

// Explain is err behind what failed and the [Advice], or the fallback where there is none; that may be empty.
func Explain(what string, err error, grant, fallback string) error {
	if advice := cmp.Or(Advice(err, grant), fallback); advice != "" {
		return fmt.Errorf("%s: %s: %w", what, advice, err)
	}
	return fmt.Errorf("%s: %w", what, err)
}
