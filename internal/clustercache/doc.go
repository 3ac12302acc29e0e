// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

// Package clustercache is what checks see of the cluster: what they keep of a few types of objects, fed by watches.
// Reading it never asks the API server, so that admission does not wait for it or add to its load.
//
// Of types that are read through a [view.View] only what the view keeps is kept. Objects of other types are kept whole,
// but for managed fields and the annotation of kubectl apply. All that is kept is bounded by [Options.MaxBytes], and
// one object, or one page of a list, is decoded at a time: other people's objects cannot use up the memory.
package clustercache
