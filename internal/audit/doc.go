// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

// Package audit judges what is in a cluster with the checks of a server: each object that the server would be asked
// about, as if it were created again, and the Pods that it would make.
//
// Objects are read in pages, decoded, judged and let go of, so that memory does not grow with their number. Nothing is
// written to the cluster.
package audit
