// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

// Package site installs what the manifests install, for one test: a namespace of its own, the ServiceAccount, the RBAC
// rules as we ship them, the Service and the webhook configuration, the last two under names that collide with no other
// test's. Servers of a site run in the test's process or as processes, always with the ServiceAccount's token and so
// with nothing but those rules.
//
// The Service is of type ExternalName and names localhost: the API server then calls the test's process through the
// Service, with the Service's name as the TLS server name.
package site
