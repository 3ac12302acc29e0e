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
// In a controller-runtime manager it takes these lines:
//
//	env, err := bootstrap.FromEnvironment(os.Getenv)
//	...
//	b, err := bootstrap.New(bootstrap.Options{RESTConfig: cfg, Environment: env,
//		WebhookConfigurations: []trust.Target{{Kind: trust.Validating, Name: "my-webhook"}}})
//	...
//	mgr, err := ctrl.NewManager(cfg, ctrl.Options{WebhookServer: b.NewServer(bootstrap.ServerOptions{})})
//	...
//	mgr.GetWebhookServer().Register("/validate", handler)
//	err = mgr.Add(b)
//	probes, err := b.ListenProbes(ctx, bootstrap.ProbeOptions{HealthAddress: ":8081"})
//	...
//	err = mgr.Add(probes)
//
// A [Bootstrapper] waits for no lease and for no other replica, and it never gives up: whatever fails is said, with
// what to do about it, and tried again with a capped and jittered back-off, while the last good certificate serves.
package bootstrap
