// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package doctor

import "strings"

// The identifiers of what the API server itself says.
const (
	IDCallFailed    = "call-failed"
	IDCallTimedOut  = "call-timed-out"
	IDAnswerInvalid = "answer-invalid"
	IDProxy         = "proxy-for-services"
	IDFailedBefore  = "calls-failed"
	IDSlow          = "calls-slow"
)

// callProblems are those of calls that the API server has made.
func callProblems() []Problem {
	return []Problem{
		{
			ID: IDCallTimedOut, Severity: Error, Callable: true,
			Title: "The API server's call was not answered in time.",
			Seen:  "failed calling webhook: context deadline exceeded, or i/o timeout",
			Fix: "Let the API server reach the port of the Pod through NetworkPolicies and firewalls; then look at how " +
				"long the server takes.",
		},
		{
			ID: IDAnswerInvalid, Severity: Error, Callable: true,
			Title: "The server answers, but not with a review: the path is another one, or it fails.",
			Seen:  "failed calling webhook: the server could not find the requested resource, or an error on the server",
			Fix:   "Correct clientConfig.service.path, and read the server's log.",
		},
		{
			ID: IDCallFailed, Severity: Error, Callable: true,
			Title: "The API server's call failed, for another reason.",
			Seen:  "failed calling webhook: …",
			Fix:   "Do what the message says.",
		},
		{
			ID: IDProxy, Severity: Warning,
			Title: "The API server has a proxy, and its NO_PROXY does not have the Service.",
			Why: "Calls go through the proxy, which has no way to the Service. In Kubernetes 1.36 and older, NO_PROXY has to " +
				"have the name SERVICE.NAMESPACE.svc. From 1.37 on, and for an APIService in any version, it has to have the " +
				"cluster IP; an entry .svc does not help.",
			Seen: "failed calling webhook: proxyconnect tcp: …, Bad Gateway or Forbidden",
			Fix: "Add .svc and the Service range (--service-cluster-ip-range) to the NO_PROXY of kube-apiserver, and " +
				"restart it.",
		},
		{
			ID: IDFailedBefore, Severity: Info,
			Title: "The API server has counted calls of the webhook that failed, since its own start.",
			Why: "With failurePolicy Fail each of them was a refused request, with Ignore one that passed without the " +
				"webhook.",
			Fix: "If the numbers grow, look for what is reported beside it, and at the server's log of that time.",
		},
		{
			ID: IDSlow, Severity: Warning,
			Title: "The webhook takes more than half a second on average, by the API server's clock.",
			Why:   "Each request that its rules match takes that long.",
			Fix:   "Look at what the server waits for, give it more CPU and replicas, or make its rules narrower.",
		},
	}
}

// Classify returns the identifier of the problem that words of an API server about a failed call tell of;
// [IDCallFailed] if they are not known. What comes first in the list is the more specific.
func Classify(words string) string {
	for _, known := range []struct{ words, id string }{
		{"proxyconnect", IDProxy},
		{"Bad Gateway", IDProxy},
		{"no service port", IDServicePort},
		{"no endpoints available", IDEndpointsMissing},
		{"cannot route to service with ClusterIP", IDServiceHeadless},
		{"lookup None", IDServiceHeadless},
		{`" not found`, IDServiceMissing},
		{"unable to load root certificates", IDBundleUnusable},
		{"unable to parse bytes as PEM block", IDBundleUnusable},
		{"signed by unknown authority", IDUntrusted},
		{"certificate is valid for", IDWrongName},
		{"certificate is not valid for any names", IDWrongName},
		{"legacy Common Name", IDWrongName},
		{"IP SANs", IDWrongName},
		{"is before", IDNotYetValid},
		{"certificate has expired", IDExpired},
		{"incompatible key usage", IDUsage},
		{"x509: ", IDInvalid},
		{"server gave HTTP response to HTTPS client", IDNotTLS},
		{"does not look like a TLS handshake", IDNotTLS},
		{"no application protocol", IDProtocol},
		{"connection refused", IDRefused},
		{"connection reset", IDHandshake},
		{"tls: ", IDHandshake},
		{"EOF", IDHandshake},
		{"deadline exceeded", IDCallTimedOut},
		{"timeout", IDCallTimedOut},
		{"no route to host", IDCallTimedOut},
		{"could not find the requested resource", IDAnswerInvalid},
		{"an error on the server", IDAnswerInvalid},
		{"webhook response", IDAnswerInvalid},
		{"invalid character", IDAnswerInvalid},
		{"couldn't get version/kind", IDAnswerInvalid},
		{"match condition", IDConditionFails},
		{"namespaceObject", IDConditionFails},
	} {
		if strings.Contains(words, known.words) {
			return known.id
		}
	}
	return IDCallFailed
}
