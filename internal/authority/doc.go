// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

// Package authority is Hookstrap's built-in signer, hookstrap.dev/serving or a name of your own: a small certificate
// authority for the serving certificate of one webhook.
//
// # Why a CA of our own
//
// A webhook's certificate needs to be trusted by one client only: the API server, which reads the CA from the
// caBundle of the webhook configuration. A CA that nothing else trusts is therefore the safest one to ask. Anyone who
// gets hold of a right to approve its requests gains a certificate that no kubelet, no other webhook and no user of
// the cluster's own CA believes in.
//
// # An ordinary signer behind the ordinary API
//
// Certificates are requested, approved and signed as the CertificateSigningRequest API intends, so that
// `kubectl get csr` shows everything. There is no leader: every replica holds the same CA and signs its own request
// ([Authority.Sign]). Two that sign the same request meet at the API server's resourceVersion check: one writes, the
// other finds the certificate already there.
//
// No replica looks for the requests of others. The key of a request is lost with the process that made it, so that a
// certificate which another replica signs later is of no use; and any user who may create requests could fill the
// memory of whatever watches them.
//
// An authority answers for its own requester only. Several webhooks in one cluster may use this signer's name, each
// with a ServiceAccount and a CA of its own, and none will fail the requests of another.
//
// # What is signed
//
// [Policy.Check] decides, and decides alone: it is pure and knows nothing of the API. A request that breaks the
// policy gets the condition Failed, with a reason per rule and a sentence that says what to change; the rules are
// those of a TLS server's certificate (RFC 5280, RFC 6125) for the names that were configured, and no others.
//
// # Where the CA is
//
// The CA is in one Secret: certificate, private key, and the bundle of all CAs to be trusted. It is created once,
// the first replica that comes ([Authority.Ensure]), and watched from then on ([Authority.Run]). The keys of the
// serving certificates are never there: only the CA's own key is, because replicas share it. Reading that Secret means
// being able to impersonate this webhook towards the API server, so grant it to the webhook's ServiceAccount alone.
//
// # The life of a CA
//
// A CA is followed by another one, in steps of one write each, which any replica takes and none has to:
//
//	signing ──▶ prepared ──────────▶ promoted ──────────────▶ retired
//	   A        A signs, B is        B signs, A is still      A is gone
//	            trusted as well      trusted
//
// A successor is prepared long before the end of the one that signs, or when somebody asks ([RotateAnnotation]). It is
// promoted once every live caBundle carries it ([Options.AwaitTrust]). The old one is retired when the longest-lived
// certificate that it may have given has ended. The Secret is the whole state: what is due follows from it and the
// time, writes carry the resourceVersion that was read, and a crash between any two is a pause.
//
// Accidents obey the same rule. If the Secret is deleted, emptied, damaged, or has another CA put in its place, it is
// put right from what the replicas remember, or else with a new CA, and every CA that may have signed a certificate in
// use stays trusted until that has ended.
package authority
