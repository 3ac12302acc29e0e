// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build race

package check

// mostCost is how many times as much a review may take of which a part is eight times as large. Under the race detector
// pools drop at random what is put into them, so that the small and the large one do not take alike.
const mostCost = 24
