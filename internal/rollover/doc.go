// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

// Package rollover takes a certificate from where it was issued to where it is served: its CA is published, clients
// come to trust it, and only then the server gets it, through a [Sink].
package rollover
