// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

// Package bootstrap gives an admission webhook its TLS: a certificate by the CertificateSigningRequest API, the CA in
// the caBundle of the webhook configuration, a tls.Config that is replaced while it serves, and a readiness that means
// "the API server can call us".
//
// One flow does it, on start and at every renewal:
//
//	who am I ─▶ key ─▶ CSR ─▶ approve ─▶ issued ─▶ verified ─▶ trusted ─▶ served ─▶ ready
//
// In a controller-runtime manager a [Server] is all of it, with the probes and an orderly end:
//
//	srv, err := bootstrap.NewServer(bootstrap.Options{RESTConfig: cfg,
//		WebhookConfigurations: []bootstrap.Target{{Kind: bootstrap.Validating, Name: "my-webhook"}}})
//	...
//	srv.Register("/validate", handler)
//	mgr, err := ctrl.NewManager(cfg, ctrl.Options{WebhookServer: srv})
//	...
//	err = srv.AddTo(mgr)
//
// Who it is, it reads from the environment: SERVICE_NAME, POD_NAMESPACE and POD_SERVICE_ACCOUNT are needed, and
// POD_NAME, POD_UID and POD_IPS are of use; see [Environment]. It listens on :9443, and has /healthz and /readyz on
// :8081; the manager has the metrics on :8080.
//
// A server that is no webhook.Server takes its certificates from a [Bootstrapper], by [Bootstrapper.TLSOption].
//
// A [Bootstrapper] waits for no lease and for no other replica, and it never gives up: whatever fails is logged, with
// what to do about it, and tried again with a capped and jittered backoff, while the last good certificate serves.
package bootstrap
