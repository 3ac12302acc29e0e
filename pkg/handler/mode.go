// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package handler

import (
	"encoding/json"
	"fmt"
)

// Mode is how much a check's word counts, or what becomes of what a mutation would change.
type Mode string

// The modes of a check, the strictest first.
const (
	// Deny refuses requests with violations. It is also what an empty Mode means.
	Deny Mode = "deny"
	// DenyWhenClean is Deny in a namespace in which nothing was found, and Warn in the others; see [Entry.Clean].
	DenyWhenClean Mode = "denyWhenClean"
	// Warn lets requests with violations pass, with a warning for the user.
	Warn Mode = "warn"
	// Audit lets requests with violations pass, with an annotation in the audit log.
	Audit Mode = "audit"
	// Off does not run the check at all.
	Off Mode = "off"
	// Apply changes the object as a mutation says. It is also what an empty Mode of a mutation means. The other modes of
	// mutations are Warn, Audit and Off: they change nothing, and tell what would be changed.
	Apply Mode = "apply"
)

// Modes returns all modes of checks, the strictest first.
func Modes() []Mode { return []Mode{Deny, DenyWhenClean, Warn, Audit, Off} }

// MutationModes returns all modes of mutations, the one that changes objects first.
func MutationModes() []Mode { return []Mode{Apply, Warn, Audit, Off} }

// UnmarshalJSON reads a mode from a configuration. An unquoted off is the boolean false in YAML, so false is Off, too.
func (m *Mode) UnmarshalJSON(data []byte) error {
	var value any
	if err := json.Unmarshal(data, &value); err != nil {
		return err
	}
	switch v := value.(type) {
	case nil:
		return nil // as for any type: null leaves the default
	case string:
		*m = Mode(v)
		return nil
	case bool:
		if !v {
			*m = Off
			return nil
		}
	}
	return fmt.Errorf("mode %s is not one of %q or %q", data, Modes(), Apply)
}

// FailurePolicy is what becomes of a request when a check that denies, or a mutation that is applied, cannot tell: it
// returned an error, panicked, or was too slow. The word and its values are those of a webhook configuration.
type FailurePolicy string

// The values of FailurePolicy.
const (
	// Fail refuses the request. It is also what an empty FailurePolicy means: a policy that can be avoided by making its
	// check fail is none.
	Fail FailurePolicy = "Fail"
	// Ignore lets the request pass, with a warning for the user.
	Ignore FailurePolicy = "Ignore"
)

// FailurePolicies returns all values of FailurePolicy, the strictest first.
func FailurePolicies() []FailurePolicy { return []FailurePolicy{Fail, Ignore} }
