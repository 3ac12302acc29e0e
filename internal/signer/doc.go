// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

// Package signer knows what each signer of the certificates.k8s.io API demands of a request, and what it gives back.
//
// A CertificateSigningRequest is addressed to a signer by name. The API server checks the form of that name and
// nothing more; what the signer then insists on (a subject, a set of usages, a type of key), how long its
// certificates live and where its CA can be found is a matter of documentation and of source code. A request that
// misses a demand is not refused when it is made: it is approved first and fails afterwards, or is never answered.
//
// [Lookup] turns a name into a [Profile], which holds that knowledge as data, and refuses the names that can never
// lead to a serving certificate:
//
//	hookstrap.dev/serving                     the built-in signer
//	kubernetes.io/kubelet-serving             kube-controller-manager's, strict
//	hookstrap.dev/authority                   webhook authority
//	beta.eks.amazonaws.com/app-serving        Amazon EKS
//	clusterissuers.cert-manager.io/NAME       cert-manager, alpha feature gate
//	issuers.cert-manager.io/NAMESPACE.NAME    the same, with a namespaced issuer
//	example.com/anything                      any other: no assumptions
//
// The package is pure and does not talk to the API; profiles are immutable and may be used by several goroutines at
// once.
package signer
