// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package config

import "strings"

// Errors are all the mistakes in a configuration, in the order of their lines. Each is a sentence that begins with
// its line, if it has one.
type Errors []string

// Error has them all on one line.
func (p Errors) Error() string { return strings.Join(p, "; ") }
