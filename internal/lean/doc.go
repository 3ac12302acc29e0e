// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

// Package lean decodes the parts of a JSON object that somebody reads. Most of what an API server sends to a webhook is
// never read: managed fields, status, environment variables. [DecodePart] passes over the bytes once, keeps what a
// [Shape] asks for, and gives only that to a decoder.
//
// What is decoded is what Kubernetes' own decoder makes of the same bytes. Where this package is not sure to see the
// same (names that occur twice, text that is not UTF-8, more than 64 levels, any error), that decoder is asked instead,
// with the whole object. What is passed over must be JSON, but may be of any type.
package lean
