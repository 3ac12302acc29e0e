// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

// Package image reads references to container images as container runtimes do, and matches them with patterns.
// Everything in it is pure and safe for concurrent use.
package image
