// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build !race

package check

// mostCost is how many times as much a review may take of which a part is eight times as large.
const mostCost = 12
