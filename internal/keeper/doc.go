// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

// Package keeper keeps the caBundles of all webhook configurations, CustomResourceDefinitions and APIServices that opt
// in by a label, whatever their owner, with our own CA or those of ClusterTrustBundles (certificates.k8s.io/v1,
// KEP-3257).
//
// An object says where its CAs come from; without the annotation, it is our own CA:
//
//	metadata:
//	  labels:
//	    hookstrap.dev/trust: "true"
//	  annotations:
//	    hookstrap.dev/trust: clustertrustbundle/example.com/signer
//
// What is written, and how, is decided in package trust, as for the targets of an injector: a JSON patch of caBundles
// alone, missing CAs at once, extra ones later. Here is who looks at what and when: one watch for each kind, with the
// label for a selector, so that other objects cost nothing; one queue; and one comparison for each change of an object.
package keeper
