// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

// Package config reads the file that says which built-in checks are run, and how strictly.
//
//	apiVersion: hookstrap.dev/v1alpha1
//	kind: CheckConfiguration
//	checks:
//	  podSecurity:
//	    mode: deny            # deny | warn | audit | off
//	    level: baseline       # privileged | baseline | restricted
//	    version: latest       # or v1.30, …
//	    exemptNamespaces: [monitoring]
//	  imageTag:
//	    mode: deny
//	    requireDigest: false
//	    allowLatest: false
//	  requiredLabels:
//	    mode: warn
//	    labels:
//	    - key: team
//	      pattern: "[a-z]+"
//	    resources: [pods, deployments.apps]
//
// These are the defaults, but for the namespace, and for requiredLabels, which are off. What a file leaves out has its
// default, so a file may be as short as what it changes. What a file has too much is an error: a misspelled field
// would otherwise be a policy that is not there.
//
// [Load] reads a file, [Default] is what holds without one, and [Build] makes the entries for a
// [github.com/hookstrap/hookstrap/pkg/handler.Handler] of either.
package config
