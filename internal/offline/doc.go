// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

// Package offline judges manifests with the checks of a server, without a server and without a cluster: each object as
// if it were about to be created, and all of them together as the cluster that checks look things up in.
//
// What an API server does before it asks a webhook is hardly done here: an object gets its namespace, a Namespace its
// name as a label, and a HorizontalPodAutoscaler the version that checks read. No other field gets its default.
package offline
