// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

// Package csr obtains one certificate through the certificates.k8s.io/v1 CertificateSigningRequest API.
//
// It replaces the walk that people do by hand (make a key, write a CSR object, kubectl certificate approve, copy the
// certificate out of its status):
//
//	key ─▶ PKCS#10 ─▶ create ─▶ approve ─▶ await ─▶ verify
//
// The key never leaves the process. The object's name is unpredictable, so that no other client can create it first,
// and before an approval is written the object is compared with what was asked for: UID, request bytes, signer,
// usages, lifetime and requester. What the signer answers is verified with [Verify] before anybody sees it.
//
// A request that does not end in a certificate ends in one of six outcomes, each an [*OutcomeError] that says what to
// look at: [Pending], [NotIssued], [Denied], [Failed], [Deleted] and [TimedOut].
package csr
