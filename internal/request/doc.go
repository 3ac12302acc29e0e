// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

// Package request obtains one certificate without a Service: a server known by its hosts, or a client known by
// its subject, with a kubeconfig to log in with.
//
// It is what people do by hand with openssl or cfssl, a CertificateSigningRequest object and `kubectl certificate
// approve`, with the checks of package csr, and once: nothing is renewed, and nothing is written into a caBundle.
package request
