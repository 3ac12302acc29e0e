// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package config

import "strings"

// Problems are all the mistakes in a configuration, in the order of their lines. Each is a sentence that begins with
// its line, if it has one.
type Problems []string

// Error has them all on one line.
func (p Problems) Error() string { return strings.Join(p, "; ") }
