// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

// Package mutation has the built-in mutations. All are off unless a configuration names them. None overrides what an
// object says.
package mutation
