// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

// Package process runs the real binary, `webhook serve`, as a process of this machine and reads the phases of its
// bootstrap from its log.
package process
