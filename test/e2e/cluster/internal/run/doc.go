// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

// Package run runs components as processes that do not outlive this one, and keeps what they log.
package run
