// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package check

import "github.com/hookstrap/hookstrap/internal/image"

// Reference is what an image reference says, written out.
type Reference = image.Reference

// ParseReference takes an image reference apart; see [image.Parse].
func ParseReference(text string) (Reference, error) { return image.Parse(text) }
