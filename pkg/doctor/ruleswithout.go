// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package doctor

import (
	"fmt"
	"slices"
)

// virtualExcluded is the minor version of Kubernetes from which on no webhook is asked about [virtual] resources: the
// feature ExcludeAdmissionWebhookVirtualResources.
const virtualExcluded = 37

// neverAsked are the resources, by group, about which no API server asks a webhook.
func neverAsked() map[string][]string {
	return map[string][]string{"admissionregistration.k8s.io": {
		"validatingwebhookconfigurations", "mutatingwebhookconfigurations", "validatingadmissionpolicies",
		"validatingadmissionpolicybindings", "mutatingadmissionpolicies", "mutatingadmissionpolicybindings",
	}}
}

// virtual are the resources, by group, that are questions about users and are not stored.
func virtual() map[string][]string {
	return map[string][]string{
		"authentication.k8s.io": {"tokenreviews", "selfsubjectreviews"},
		"authorization.k8s.io": {
			"subjectaccessreviews", "localsubjectaccessreviews", "selfsubjectaccessreviews", "selfsubjectrulesreviews",
		},
	}
}

// withoutEffect finds resources that rules name in vain. A wildcard names none.
func (x ruled) withoutEffect(e *Entry) {
	for _, rule := range e.Rules.Rules {
		for _, group := range rule.APIGroups {
			for _, resource := range rule.Resources {
				x.namedInVain(e, group, resource)
			}
		}
	}
}

// namedInVain judges one resource of a rule. To remove one about which the webhook is asked would switch a control off:
// where the version is not known, the finding names the version, and is no warning.
func (x ruled) namedInVain(e *Entry, group, resource string) {
	fix := "remove " + resource + " from the rule"
	excluded, known := x.facts.atLeast(virtualExcluded)
	isVirtual := slices.Contains(virtual()[group], resource)
	switch {
	case slices.Contains(neverAsked()[group], resource), isVirtual && excluded:
		x.find(e, IDNotAsked, fix, "a rule names %s.%s, about which no webhook is asked", resource, group)
	case isVirtual && !known:
		from := fmt.Sprintf("Kubernetes 1.%d", virtualExcluded)
		x.find(e, IDNotAsked, fix+" if all API servers are of "+from+" or later",
			"a rule names %s.%s, about which no webhook is asked from %s on", resource, group, from).Severity = Info
	}
}
