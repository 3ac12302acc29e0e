// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package doctor

import (
	"slices"

	"github.com/hookstrap/hookstrap/internal/fault"
)

// Problem is a kind of finding. Its identifier stays the same from version to version.
type Problem struct {
	ID       string
	Severity Severity
	// Title is what is wrong, in one sentence.
	Title string
	// Why is why it matters. If it is empty, the finding says what happens to requests.
	Why string
	// Seen is what a user sees of it, such as the words of the API server; empty if there is nothing to see yet.
	Seen string
	// Fix is what to do. A finding has the command or the line for its object.
	Fix string
	// Callable is a problem for which the webhook cannot be called now.
	Callable bool
}

// The identifiers. Those of package fault are in the readiness of servers as well.
const (
	IDClientInvalid     = "client-invalid"
	IDServiceMissing    = fault.ServiceMissing
	IDServiceHeadless   = fault.ServiceHeadless
	IDServicePort       = fault.ServicePort
	IDServiceProtocol   = "service-port-not-tcp"
	IDEndpointsMissing  = "endpoints-missing"
	IDEndpointsNotReady = "endpoints-not-ready"
	IDTargetPort        = "target-port-missing"
	IDPolicyPort        = "network-policy-port"
	IDPolicySource      = "network-policy-source"
	IDBundleMissing     = fault.BundleMissing
	IDBundleUnusable    = fault.BundleUnusable
	IDBundlePartly      = "ca-bundle-partly-read"
	IDBundleExpired     = "ca-bundle-expired"
	IDBundleCrowded     = "ca-bundle-crowded"
	IDUnverified        = "tls-not-verified"
	IDRefused           = fault.Refused
	IDNotTLS            = fault.NotTLS
	IDHandshake         = "handshake-failed"
	IDProtocol          = fault.Protocol
	IDUntrusted         = fault.Untrusted
	IDWrongName         = fault.WrongName
	IDExpired           = fault.Expired
	IDNotYetValid       = fault.NotYetValid
	IDUsage             = fault.Usage
	IDInvalid           = "certificate-invalid"
	IDUnavailable       = "api-service-unavailable"
	IDServiceExternal   = "service-external-name"
	IDServiceLocal      = "service-local-only"
	IDBundleSomeExpired = "ca-bundle-has-expired"
)

// Problems are all kinds of findings, in the order in which an entry is judged.
func Problems() []Problem {
	return slices.Concat(serviceProblems(), endpointProblems(), bundleProblems(), connectionProblems(),
		certificateProblems(), callProblems(), trustLater(), manifestProblems(), ruleProblems(), askedProblems(),
		conditionProblems(),
		admissionLater())
}

// serviceProblems are those of an entry and its Service.
func serviceProblems() []Problem {
	return []Problem{
		{
			ID: IDClientInvalid, Severity: Error, Callable: true,
			Title: "The entry names neither a Service nor a URL that can be called.",
			Seen:  "failed calling webhook: webhook client config is invalid",
			Fix:   "Set clientConfig.service, or clientConfig.url to https://HOST:PORT/PATH.",
		},
		{
			ID: IDServiceMissing, Severity: Error, Callable: true,
			Title: "The Service that the entry names does not exist.",
			Seen:  `failed calling webhook: service "NAME" not found`,
			Fix: "Create the Service, correct its name or namespace in the entry, or delete an entry that a removed " +
				"program left.",
		},
		{
			ID: IDServiceHeadless, Severity: Error, Callable: true,
			Title: "The Service has no cluster IP, so that the API server has no address to call.",
			Seen:  "failed calling webhook: no cluster IP, or a failed look-up of None",
			Fix:   "Delete the Service, and create it again without clusterIP: None.",
		},
		{
			ID: IDServicePort, Severity: Error, Callable: true,
			Title: "The Service does not have the port that the entry names, which is 443 by default.",
			Seen:  `failed calling webhook: no service port 443 found for service "NAME"`,
			Fix:   "Set the port in the entry's clientConfig.service, or add it to the Service.",
		},
		{
			ID: IDServiceProtocol, Severity: Error, Callable: true,
			Title: "The port of the Service is not a TCP port.",
			Seen:  "failed calling webhook: context deadline exceeded, or connection refused",
			Fix:   "Set protocol: TCP for the port of the Service.",
		},
		{
			ID: IDServiceExternal, Severity: Info,
			Title: "The Service is of type ExternalName.",
			Why: "The API server looks the name up itself, and dials it at the port of the entry. One that runs with " +
				"--enable-aggregator-routing refuses such a Service, and no endpoints say whether a server is there.",
			Fix: "Make it a Service with a selector, or use clientConfig.url.",
		},
		{
			ID: IDServiceLocal, Severity: Warning,
			Title: "The Service has internalTrafficPolicy: Local, and no DaemonSet is behind it.",
			Why: "On a node that has no ready Pod of the Service, kube-proxy drops connections to its cluster IP, those of an " +
				"API server too. The API servers often have nodes of their own. One that runs with " +
				"--enable-aggregator-routing is not concerned: it calls the Pods.",
			Seen: "failed calling webhook: context deadline exceeded, from some of the API servers",
			Fix:  "Set internalTrafficPolicy: Cluster.",
		},
	}
}

// endpointProblems are those of what is behind a Service.
func endpointProblems() []Problem {
	return []Problem{
		{
			ID: IDEndpointsMissing, Severity: Error, Callable: true,
			Title: "The Service has no endpoints: it selects no Pod, and no one else made an EndpointSlice.",
			Seen:  `failed calling webhook: no endpoints available for service "NAME", or connection refused`,
			Fix:   "Start the server's Pods, or make the Service's selector match their labels.",
		},
		{
			ID: IDEndpointsNotReady, Severity: Error, Callable: true,
			Title: "The Service selects Pods, of which none is ready.",
			Seen:  `failed calling webhook: no endpoints available for service "NAME", or connection refused`,
			Fix:   "Find out why the Pods are not ready with kubectl describe pod and kubectl logs.",
		},
		{
			ID: IDTargetPort, Severity: Error, Callable: true,
			Title: "The targetPort of the Service is a port that no container has.",
			Seen:  "failed calling webhook: connection refused, or no endpoints available",
			Fix:   "Set targetPort to the port on which the server listens, or name that port in the container.",
		},
		{
			ID: IDPolicyPort, Severity: Warning,
			Title: "NetworkPolicies select the Pod, and none allows connections to the port on which it listens.",
			Why: "A network add-on that enforces NetworkPolicies drops the calls of the API server, unless it exempts the " +
				"node from which they come. A handshake through a port-forward meets no policy: that it was made says nothing " +
				"here. A policy is about the port of the Pod, not about that of the Service.",
			Seen: "failed calling webhook: context deadline exceeded",
			Fix:  "Allow ingress to the port of the Pod in a NetworkPolicy.",
		},
		{
			ID: IDPolicySource, Severity: Warning,
			Title: "NetworkPolicies allow connections to the Pod's port from Pods only, and the API server is none.",
			Why: "The API server calls from a node's network or from outside of the cluster. Selectors of Pods and " +
				"namespaces do " +
				"not match it with most network add-ons, so that its calls are dropped. A handshake through a port-forward " +
				"meets no policy: that it was made says nothing here.",
			Seen: "failed calling webhook: context deadline exceeded",
			Fix:  "Allow ingress to the port without from, or with an ipBlock in which the API server is.",
		},
	}
}

// bundleProblems are those of a caBundle.
func bundleProblems() []Problem {
	return []Problem{
		{
			ID: IDBundleMissing, Severity: Error, Callable: true,
			Title: "The entry calls a Service and has no caBundle.",
			Seen:  "failed calling webhook: x509: certificate signed by unknown authority",
			Fix:   "Have a controller fill it (an annotation for cert-manager, for instance), or write the CA there.",
		},
		{
			ID: IDBundleUnusable, Severity: Error, Callable: true,
			Title: "The API server cannot read a single certificate in the caBundle.",
			Seen:  "failed calling webhook: unable to load root certificates: unable to parse bytes as PEM block",
			Fix:   "Write the CA there again, as PEM blocks of type CERTIFICATE without headers, each with lines of its own.",
		},
		{
			ID: IDBundlePartly, Severity: Warning,
			Title: "The API server skips a part of the caBundle.",
			Why:   "A CA that is skipped verifies nothing: calls fail as soon as a certificate of it is served.",
			Fix:   "Write the CAs there again, as PEM blocks of type CERTIFICATE without headers, each with lines of its own.",
		},
		{
			ID: IDBundleExpired, Severity: Error, Callable: true,
			Title: "All CAs of the caBundle have expired.",
			Seen:  "failed calling webhook: x509: certificate has expired or is not yet valid",
			Fix:   "Make a new CA and a new serving certificate, and write the CA into the caBundle.",
		},
		{
			ID: IDBundleSomeExpired, Severity: Info,
			Title: "The caBundle has CAs that have expired, beside valid ones.",
			Why:   "They verify nothing. That they are still there may mean that nothing maintains the caBundle.",
			Fix:   "Leave the expired CAs out.",
		},
		{
			ID: IDBundleCrowded, Severity: Warning,
			Title: "The caBundle has many CAs of one name.",
			Why: "The API server tries CAs of one name one after the other, and gives up after 100 signatures: a good " +
				"certificate is then refused.",
			Fix: "Remove the CAs of which no certificate is served.",
		},
		{
			ID: IDUnverified, Severity: Warning,
			Title: "The APIService has insecureSkipTLSVerify.",
			Why:   "The API server sends requests with users' identities to any server that answers at the address.",
			Fix:   "Set spec.caBundle to the CA of the server, and remove insecureSkipTLSVerify.",
		},
	}
}

// connectionProblems are those of a handshake that does not get to a certificate.
func connectionProblems() []Problem {
	return []Problem{
		{
			ID: IDRefused, Severity: Error, Callable: true,
			Title: "Connections to the server are refused, or not accepted in time.",
			Seen:  "failed calling webhook: connect: connection refused, or context deadline exceeded",
			Fix:   "Have the server listen on the Service's targetPort, on all addresses of its Pod.",
		},
		{
			ID: IDNotTLS, Severity: Error, Callable: true,
			Title: "The server does not speak TLS on that port.",
			Seen:  "failed calling webhook: http: server gave HTTP response to HTTPS client",
			Fix:   "Set targetPort to the server's TLS port, or give the server a certificate.",
		},
		{
			ID: IDHandshake, Severity: Error, Callable: true,
			Title: "The TLS handshake fails before the server has shown a certificate.",
			Seen:  "failed calling webhook: remote error: tls: handshake failure, or EOF",
			Fix:   "Read the server's log: it may have no certificate yet, or no version and cipher suite of the API server.",
		},
		{
			ID: IDProtocol, Severity: Error, Callable: true,
			Title: "The server refuses HTTP/1.1 in the handshake, and the API server speaks nothing else with a Service.",
			Seen:  "failed calling webhook: remote error: tls: no application protocol",
			Fix:   "Have the server offer http/1.1 in ALPN as well.",
		},
	}
}

// certificateProblems are those of what a server presents.
func certificateProblems() []Problem {
	return []Problem{
		{
			ID: IDUntrusted, Severity: Error, Callable: true,
			Title: "The caBundle does not verify the certificate that the server presents.",
			Seen:  "failed calling webhook: x509: certificate signed by unknown authority",
			Fix:   "Write the CA that signed the certificate into the caBundle, and the intermediates into the server's chain.",
		},
		{
			ID: IDWrongName, Severity: Error, Callable: true,
			Title: "The certificate is not for the name that the API server asks for.",
			Seen:  "failed calling webhook: x509: certificate is valid for …, not NAME.NAMESPACE.svc",
			Fix:   "Issue the certificate with the SAN NAME.NAMESPACE.svc of the Service. A common name does not count.",
		},
		{
			ID: IDExpired, Severity: Error, Callable: true,
			Title: "The certificate, or a CA that it depends on, has expired.",
			Seen:  "failed calling webhook: x509: certificate has expired or is not yet valid",
			Fix:   "Renew it. If it was renewed, restart the server, which has not read the new one.",
		},
		{
			ID: IDNotYetValid, Severity: Error, Callable: true,
			Title: "The certificate is not valid yet.",
			Seen:  "failed calling webhook: x509: certificate has expired or is not yet valid",
			Fix:   "Compare the clocks of the signer, of the node and of the API server.",
		},
		{
			ID: IDUsage, Severity: Error, Callable: true,
			Title: "The certificate, or its CA, may not be used for servers.",
			Seen:  "failed calling webhook: x509: certificate specifies an incompatible key usage",
			Fix:   "Issue the certificate with the extended key usage server auth, and the CA with none or the same.",
		},
		{
			ID: IDInvalid, Severity: Error, Callable: true,
			Title: "The certificate does not verify, for another reason.",
			Seen:  "failed calling webhook: x509: …",
			Fix:   "Issue another certificate; the message says what is wrong with this one.",
		},
		{
			ID: IDUnavailable, Severity: Error, Callable: true,
			Title: "The API server says that the APIService is not available.",
			Seen:  "kubectl get apiservices: False (…)",
			Fix:   "Do what the message says.",
		},
	}
}
