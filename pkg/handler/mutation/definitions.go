// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package mutation

import (
	"github.com/hookstrap/hookstrap/pkg/handler"
)

// page has a section about each mutation.
const page = "https://github.com/hookstrap/hookstrap/blob/main/docs/mutations.md"

// Definitions returns the built-in mutations, in the order in which they are asked and documented.
func Definitions() []handler.Definition {
	definitions := []handler.Definition{
		defaultSeccompProfile(), dropCapabilities(), noServiceAccountToken(), imageDigestsDefinition(),
		defaultRequests(), defaultTopologySpread(), addMetadata(),
	}
	for i := range definitions {
		definitions[i].Doc.URL = page
	}
	return definitions
}
