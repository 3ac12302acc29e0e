// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

// Package collect gathers what package doctor judges, from a cluster with the rights of its user, or from manifests. It
// reads and never writes. What may not be read is noted in the facts, and the rest is gathered.
package collect
