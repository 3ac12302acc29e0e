// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

// Package doctor says why an API server cannot call a webhook, and what will go wrong later. It judges facts and reads
// nothing by itself: package collect gathers [Facts] from a cluster or from manifests, and [Examine] is a pure function
// of them. A program that has the objects already, in informers for instance, can fill in the facts itself.
//
// What it knows of calls is what the API server does: see ResolveCluster in k8s.io/apiserver/pkg/util/proxy for
// Services, rootCertPool in k8s.io/client-go/transport for a caBundle, and
// https://kubernetes.io/docs/reference/access-authn-authz/extensible-admission-controllers/ for the rest.
package doctor
