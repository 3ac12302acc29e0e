// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

// Package trust decides which certificate authorities the API server trusts for a webhook, and keeps it that way.
//
// When the API server calls a webhook it verifies the webhook's certificate with the caBundle of the configuration:
// of the entry in a ValidatingWebhookConfiguration or MutatingWebhookConfiguration, of the conversion webhook of a
// CustomResourceDefinition, of an APIService. A bundle which lacks the CA is an outage ("x509: certificate signed by
// unknown authority"), and many hands reach it: a helm upgrade empties it, a GitOps controller puts an old one back,
// a second replica writes its own. The package has two halves.
//
// # The algebra of bundles
//
// A [Bundle] is an immutable set of certificates: [ParseBundle] reads one, [Bundle.Union] and [Bundle.Prune] make new
// ones, [Bundle.Verify] asks it the API server's question, [Bundle.PEM] writes it. It is pure: no file, no clock, no
// API. The same certificates always give the same bytes. That is what lets any number of replicas agree without a
// leader, since the second one finds the very bytes which it was about to write.
//
// # The injector
//
// An [Injector] watches the [Target] objects by name and compares every entry which calls our Service with the
// [Policy] that was last published. Where they differ it writes the right caBundle, and nothing else:
//
//   - A JSON patch, one field manager for all replicas, and only the field caBundle, so that we own no entry of a list:
//     the owner of the object removes and renames entries by server-side apply. Entries of other Services are never in
//     the request. An entry which is already right costs no request at all.
//   - The patch tests the UID and resource version which were compared. Of many replicas which see the same damage one
//     succeeds; the others are refused, wait for the next event of the watch, and find nothing to do.
//     An object which was deleted is not created again by us.
//   - A certificate authority is only added to what is live; it leaves when it has expired ([Policy] says when that
//     is not so). An expired one which does no harm stays until something else has to be written.
//   - What keeps being spoiled is repaired with growing delays, and [Write.Overwriter] names who did it.
//
// A serving certificate may be used when [Injector.WaitVerified] returns: the live bundle of every entry trusts it.
//
// A [Publisher] does the same for a ClusterTrustBundle, which is for clients other than the API server and no condition
// of anything here.
//
// The injector never gives up and never exits. [Injector.Snapshot] tells in plain words what it is waiting for.
package trust
