// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

// Package source is where certificates come from: [CSR] requests them and renews them, [Files] reads what something
// else writes. Both hand them to a rollover. What a certificate depends on, the Service and the CAs, is followed.
package source
