// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

// Package clustercache is what checks see of the cluster: a copy of a few types of objects, kept by watches. Reading it
// never asks the API server, so that admission does not wait for it or add to its load. Managed fields are not kept,
// nor are the specifications of Pods in ReplicaSets of a Deployment, which has them itself.
package clustercache
