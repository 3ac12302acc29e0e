// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

// Package identity answers one question: under which names and addresses must a webhook server's certificate be
// valid?
//
// The API server reaches a webhook through a Service and verifies exactly one name, <service>.<namespace>.svc,
// whatever address it dials. Everybody else (a Prometheus that scrapes, a person with curl in a debug pod, a health
// check by pod IP) uses one of the other names that cluster DNS gives the Service and the pod:
//
//	web                            the Service, from its own namespace
//	web.shop                       the Service, from any namespace
//	web.shop.svc                   what the API server verifies
//	web.shop.svc.cluster.local     the fully qualified Service
//	10-0-0-7.shop.pod.cluster.local  the pod, by its address
//	10.0.0.7                       the pod, and the Service's cluster IPs
//
// [New] derives all of them from a Service name, a namespace and the pod's addresses, checks them, and returns an
// [Identity] that is sorted, free of duplicates and in lower case: equal inputs make equal identities, so two
// identities, or an identity and a certificate, can be compared.
//
// The package is pure. It reads no environment, no file and no API; callers pass what they know, and everything
// returned is safe to share.
package identity
