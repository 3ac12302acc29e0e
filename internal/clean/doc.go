// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

// Package clean knows in which namespaces checks in mode denyWhenClean deny: those in which an audit has found nothing,
// and those that are newer than the first audit. What is known is in one ConfigMap, which every replica follows and any
// replica may write; no replica leads. State and its changes are pure; Keeper reads, audits and writes.
package clean
