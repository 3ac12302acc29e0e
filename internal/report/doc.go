// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

// Package report tells people what happens to the certificate: metrics, events of our Pod, and the last error for
// readiness. A [Reporter] has all of them; what is logged is for the caller to log, except where a function says so.
package report
