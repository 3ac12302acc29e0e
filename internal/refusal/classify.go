// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package refusal

import (
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"

	authorizationv1 "k8s.io/api/authorization/v1"
	certificatesv1 "k8s.io/api/certificates/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// anonymous is who the API server takes a client without credentials for.
const anonymous = "system:anonymous"

// The API server's words. Each is the beginning of a text, because names and messages that others choose come later.
const (
	// forbiddenWords are those of errors.NewForbidden in k8s.io/apimachinery. A ValidatingAdmissionPolicy uses them with
	// every reason that it may have.
	forbiddenWords = `(?s)^(?:\S+ )?(?:"[^"]*" )?(?:is )?forbidden: (.*)$`
	// ruleWords are of every authorizer: endpoints/handlers/responsewriters in k8s.io/apiserver.
	ruleWords = `^User "([^"]*)" cannot (\S+) resource "([^"]*)" in API group "([^"]*)"` +
		`(?: in the namespace "([^"]*)"| at the cluster scope)`
	// consentWords are of the admission plugins CertificateApproval, CertificateSigning and ClusterTrustBundleAttest.
	consentWords = `^user not permitted to (approve|sign|attest) [a-z ]*signerName "([^"]*)"`
	quotaWords   = `^(?:exceeded quota|failed quota|status unknown for quota): ([^,:]+)`
	policyWords  = `^ValidatingAdmissionPolicy '([^']*)'(?: with binding '([^']*)')? denied request`
	webhookWords = `^admission webhook "([^"]*)" denied the request`
	managerWords = `conflict with ("[^"]*")`
	noKindWords  = `^the server could not find the requested resource`
	nowhereWords = `^namespaces "([^"]*)" not found`
)

func match(words, text string) []string { return regexp.MustCompile(words).FindStringSubmatch(text) }

func classify(status metav1.Status) Refusal {
	if found := match(webhookWords, status.Message); found != nil {
		return Refusal{Kind: Webhook, By: fmt.Sprintf("the admission webhook %q", found[1])}
	}
	if found := match(forbiddenWords, status.Message); found != nil {
		if r := classifyForbidden(status, found[1]); r.Kind != None {
			return r
		}
	}
	switch status.Reason {
	case metav1.StatusReasonUnauthorized:
		return Refusal{Kind: Credentials}
	case metav1.StatusReasonForbidden:
		return Refusal{Kind: Plugin}
	case metav1.StatusReasonNotFound:
		return notFound(status)
	case metav1.StatusReasonGone:
		return Refusal{Kind: NoObject}
	case metav1.StatusReasonMethodNotAllowed:
		return Refusal{Kind: NoKind}
	case metav1.StatusReasonConflict, metav1.StatusReasonAlreadyExists:
		return conflict(status)
	case metav1.StatusReasonInvalid, metav1.StatusReasonBadRequest:
		return Refusal{Kind: Invalid}
	default:
		if status.Code == http.StatusForbidden { // A proxy's, for instance.
			return Refusal{Kind: Plugin}
		}
		return Refusal{}
	}
}

// classifyForbidden goes by what follows the words of errors.NewForbidden.
func classifyForbidden(status metav1.Status, text string) Refusal {
	if found := match(ruleWords, text); found != nil {
		return withoutRule(status, found)
	}
	if found := match(consentWords, text); found != nil {
		return Refusal{Kind: Rule, Right: authorizationv1.ResourceAttributes{
			Verb: found[1], Group: certificatesv1.GroupName, Resource: "signers", Name: found[2],
		}}
	}
	if found := match(policyWords, text); found != nil {
		by := fmt.Sprintf("the ValidatingAdmissionPolicy %q", found[1])
		if found[2] != "" {
			by += fmt.Sprintf(" (binding %q)", found[2])
		}
		return Refusal{Kind: Policy, By: by}
	}
	if found := match(quotaWords, text); found != nil {
		return Refusal{Kind: Quota, By: fmt.Sprintf("the ResourceQuota %q", found[1])}
	}
	if caused(status, corev1.NamespaceTerminatingCause) {
		return Refusal{Kind: Terminating}
	}
	return Refusal{}
}

func withoutRule(status metav1.Status, found []string) Refusal {
	if found[1] == anonymous {
		return Refusal{Kind: Credentials, User: anonymous}
	}
	right := authorizationv1.ResourceAttributes{Verb: found[2], Group: found[4], Namespace: found[5]}
	right.Resource, right.Subresource, _ = strings.Cut(found[3], "/")
	if status.Details != nil {
		right.Name = status.Details.Name
	}
	return Refusal{Kind: Rule, User: found[1], Right: right}
}

func notFound(status metav1.Status) Refusal {
	switch {
	case match(noKindWords, status.Message) != nil:
		return Refusal{Kind: NoKind}
	case match(nowhereWords, status.Message) != nil:
		return Refusal{Kind: NoNamespace}
	}
	return Refusal{Kind: NoObject}
}

func conflict(status metav1.Status) Refusal {
	if found := match(managerWords, status.Message); found != nil && caused(status, metav1.CauseTypeFieldManagerConflict) {
		return Refusal{Kind: Manager, By: "the field manager " + found[1]}
	}
	return Refusal{Kind: Race}
}

func caused(status metav1.Status, by metav1.CauseType) bool {
	return status.Details != nil &&
		slices.ContainsFunc(status.Details.Causes, func(c metav1.StatusCause) bool { return c.Type == by })
}
