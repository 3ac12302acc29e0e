// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

// Package reload keeps the checks of a handler what a configuration file says, while it serves. New checks are used all
// at once, and not before everything that they read of the cluster can be read. A file that cannot be read or used
// changes nothing.
package reload
