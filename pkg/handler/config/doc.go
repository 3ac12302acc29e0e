// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

// Package config reads the file that says which checks are run, and how strictly.
//
//	apiVersion: hookstrap.dev/v1alpha1
//	kind: CheckConfiguration
//	checks:
//	  podSecurity:
//	    mode: deny            # deny | denyWhenClean | warn | audit | off
//	    failurePolicy: Fail   # Fail | Ignore: what follows when a check in mode deny fails
//	    exempt:
//	      namespaces: [monitoring]
//	      namespaceSelector: {matchLabels: {trusted: "yes"}}
//	      users: [system:kube-scheduler]
//	      groups: [system:masters]
//	      serviceAccounts: [ci/deployer]
//	      images: [ghcr.io/acme/*]
//	    level: baseline       # from here on, the check's own parameters
//	    version: latest
//	  imageTag:
//	    mode: warn
//
// Which checks there are, and what their parameters are, is for a list of [handler.Definition] to say: that of the
// built-in ones, of one's own, or both. A check that the file names is in mode deny unless it says otherwise; one that
// it does not name has the mode and the parameters of its definition. What a file has too much is an error: a
// misspelled field would otherwise be a policy that is not there.
//
// [Load] reads a file, [Default] is what holds without one, and [Configuration.Build] makes the entries for a
// [handler.Handler] of either.
package config
