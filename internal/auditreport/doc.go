// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

// Package auditreport sums up what an audit of a cluster finds, by namespace and owner, and writes it for people,
// programs and code-scanning services.
package auditreport
