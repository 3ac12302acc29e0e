// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

// Package podcert signs PodCertificateRequests (certificates.k8s.io/v1, KEP-4317) for serving: a Pod gets a
// certificate for the DNS names of the Services that select it.
//
// # What is proven
//
// [Policy.Decide] is pure. It goes by what a watch says of the Pod, its ServiceAccount and the Services of its
// namespace, and by nothing that the Pod says of itself. The annotations of the projection may only choose among the
// Services that select the Pod. The API server (the admission plugin NodeRestriction) has checked before that a node
// asks for its own Pods alone; UIDs and the node are compared here as well, since what was true when the request was
// made may no longer be.
//
// A CertificateSigningRequest is decided in the same way, for the Pod that the API server has recorded of the
// requester's token, and for Services that have opted in. See [OptInLabel].
//
// # Denied, or waiting
//
// The conditions Denied and Failed are final, and not for the request alone: the kubelet never asks again for that
// Pod until it is restarted, and takes away even a certificate that is still valid. So only what can never be signed
// is denied: what is wrong with the Pod itself. All else waits, with an event of the Pod: a Service that is missing,
// labels, a policy that the operator may change. A request that waits is looked at again when its Pod, its
// ServiceAccount or a Service of its namespace changes. kube-controller-manager deletes it after a quarter of an
// hour, and the kubelet then makes another.
//
// A CertificateSigningRequest may be denied for more: a server asks again. Of those that wait a Pod has a few at most,
// since any client with its token can make them.
//
// # Replicas
//
// There is no leader. Every replica decides about every request; the first status that is written counts, since it
// carries the resourceVersion, and the others are told of a conflict, which is not an error.
package podcert
