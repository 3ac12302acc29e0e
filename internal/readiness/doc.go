// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

// Package readiness says whether the API server can call us: conditions for a readiness endpoint, a handshake with the
// listener as the API server does it, and the moment in which all hold for the first time.
package readiness
